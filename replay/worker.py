"""The worker processes of a replay: a processor, and a writer if there is a sink."""

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

_PARENT_CHECK_INTERVAL_S: Final = 1.0
_STOP_TIMEOUT_S: Final = 12.0
_SPAWN: Final = multiprocessing.get_context("spawn")


class WorkerProcess:
    """A worker process, restarted if it ends before the replay does."""

    def __init__(self, name: str, target: Callable[..., None], arguments: tuple[object, ...]) -> None:
        """Start the process; it runs `target` with the process id of its parent and `arguments`."""
        self.name = name
        self._target = target
        self._arguments = arguments
        self._process = self._start()

    def keep_running(self) -> str | None:
        """Restart the process if it has ended, without loss of data; return what happened, None if it runs."""
        if self._process.is_alive():
            return None
        status = self._process.exitcode
        log.warning("worker process ended, restarted", extra={"worker": self.name, "status": status})
        self._process = self._start()
        return f"ended with status {status}, restarted"

    def stop(self) -> None:
        """Stop the process gracefully; kill it after a timeout."""
        self._process.terminate()
        self._process.join(_STOP_TIMEOUT_S)
        self._process.kill()

    def _start(self) -> SpawnProcess:
        process = _SPAWN.Process(target=self._target, args=(os.getpid(), *self._arguments), name=self.name)
        process.start()
        return process


def _run_processor(parent: int, config: ProcessorConfig, logs: LogSettings) -> None:
    _end_with(parent)
    tune_memory()
    logs.start()
    run_processor(config, Health(time.monotonic))


def _run_writer(parent: int, config: WriterConfig, sinks: tuple[str, ...], logs: LogSettings) -> None:
    _end_with(parent)
    tune_memory()
    logs.start()
    sys.exit(run_writer(config, build_sinks(sinks), Health(time.monotonic)))


def _end_with(parent: int) -> None:
    """End this process if its parent, the replay, ends without stopping it."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_PARENT_CHECK_INTERVAL_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def start_workers(plan: Plan) -> list[WorkerProcess]:
    """Start the processes that the plan needs."""
    workers = [WorkerProcess("processor", _run_processor, (plan.processor, plan.logs))]
    if plan.sinks:
        workers.append(WorkerProcess("writer", _run_writer, (plan.writer, plan.sinks, plan.logs)))
    return workers
