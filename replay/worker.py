"""The processes of a replay: a processor, and a writer if there is a sink."""

import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.context import SpawnProcess
from typing import Final

from processor.__main__ import run as run_processor
from processor.config import ProcessorConfig
from replay.plan import Plan
from runtime.health import Health
from runtime.logs import LogSettings
from runtime.memory import tune_memory
from writer.__main__ import build as build_sinks
from writer.__main__ import run as run_writer
from writer.pipeline.sink_worker import WriterConfig

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0
_STOP_S: Final = 12.0
_SPAWN: Final = multiprocessing.get_context("spawn")


class WorkerProcess:
    """A process of the replay; started again if it ends before its time."""

    def __init__(self, name: str, target: Callable[..., None], arguments: tuple[object, ...]) -> None:
        """Started at once."""
        self.name = name
        self._target = target
        self._arguments = arguments
        self._process = self._start()

    def keep_running(self) -> str | None:
        """Start it again if it has ended: nothing is lost by that. What has happened, None if it runs."""
        if self._process.is_alive():
            return None
        status = self._process.exitcode
        log.warning("ended, started again", extra={"worker": self.name, "status": status})
        self._process = self._start()
        return f"ended with status {status}, started again"

    def stop(self) -> None:
        """End it; kill it if that takes too long."""
        self._process.terminate()
        self._process.join(_STOP_S)
        self._process.kill()

    def _start(self) -> SpawnProcess:
        process = _SPAWN.Process(target=self._target, args=(os.getpid(), *self._arguments), name=self.name)
        process.start()
        return process


def _process(parent: int, config: ProcessorConfig, logs: LogSettings) -> None:
    _end_with(parent)
    tune_memory()
    logs.start()
    run_processor(config, Health(time.monotonic))


def _write(parent: int, config: WriterConfig, sinks: tuple[str, ...], logs: LogSettings) -> None:
    _end_with(parent)
    tune_memory()
    logs.start()
    sys.exit(run_writer(config, build_sinks(sinks), Health(time.monotonic)))


def _end_with(parent: int) -> None:
    """End this process when the replay's has been killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def start_workers(plan: Plan) -> list[WorkerProcess]:
    """Those that the plan asks for, started."""
    started = [WorkerProcess("processor", _process, (plan.processor, plan.logs))]
    if plan.sinks:
        started.append(WorkerProcess("writer", _write, (plan.writer, plan.sinks, plan.logs)))
    return started
