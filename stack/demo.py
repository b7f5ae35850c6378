"""A simulated cluster through the whole pipeline: real Kafka, real InfluxDB, one of each service, a live line."""

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final, TypeVar

from rich.console import Console
from rich.live import Live

from simulator.cluster import FED_METRICS
from stack.cache import cache_folder
from stack.figures import Figures, InfluxFigures, KafkaFigures
from stack.influxdb import InfluxDB
from stack.kafka import Kafka
from stack.ports import free_ports
from stack.processes import Process
from stack.server import ServerError

RESOLUTION_S: Final = 10
DATABASE: Final = "k8s"
_LOOK_EVERY_S: Final = 1.0


_Server = TypeVar("_Server", Kafka, InfluxDB)


class InterruptedDemoError(Exception):
    """The user has seen enough."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment asks for."""

    seconds: int | None  # None: until interrupted
    nodes: int
    pods_per_node: int

    @classmethod
    def read(cls) -> "Settings":
        """DEMO_SECONDS, DEMO_NODES, DEMO_PODS_PER_NODE. Raises ValueError: not a positive whole number."""
        return cls(
            _number("DEMO_SECONDS", None), _number("DEMO_NODES", 3) or 3, _number("DEMO_PODS_PER_NODE", 10) or 10
        )


def _number(name: str, default: int | None) -> int | None:
    text = os.environ.get(name, "")
    if not text:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < 1:
        raise ValueError(f"{name}={text!r}: a whole number from 1 on is needed")
    return int(text)


def main() -> int:
    """Run the demo; 0 if every metric that the simulated cluster feeds has arrived."""
    console = Console(highlight=False)
    try:
        settings = Settings.read()
    except ValueError as error:
        console.print(str(error))
        return 2
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGINT, _interrupt)
    folder = cache_folder() / "demo"
    shutil.rmtree(folder, ignore_errors=True)
    with ExitStack() as running:
        try:
            with console.status("starting Kafka and InfluxDB …"):
                kafka = running.enter_context(_running(Kafka(folder / "kafka")))
                influxdb = running.enter_context(_running(InfluxDB(folder / "influxdb")))
            processes = _start_services(running, settings, kafka, influxdb, folder)
            _tell(console, settings, kafka, influxdb, processes, folder)
            figures = Figures(KafkaFigures(kafka.bootstrap), InfluxFigures(influxdb.url, DATABASE))
            ended = _watch(console, settings, processes, figures)
        except (ServerError, InterruptedDemoError) as stopped:
            if isinstance(stopped, ServerError):
                console.print(str(stopped), markup=False)
            return 1
        if ended is not None:
            console.print(f"{ended.name} has ended. The end of its log:\n{ended.log_tail()}", markup=False)
            return 1
        return _summary(console, figures.influxdb)


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise InterruptedDemoError


@contextmanager
def _running(server: _Server) -> Iterator[_Server]:
    try:
        yield server.start()
    finally:
        server.stop()


def _start_services(
    running: ExitStack, settings: Settings, kafka: Kafka, influxdb: InfluxDB, folder: Path
) -> tuple[Process, ...]:
    api_port, kubelet_port = free_ports(2)
    source = f"kubernetes:http://127.0.0.1:{api_port}?inClusterConfig=false&kubeletPort={kubelet_port}"
    brokers = f"--kafka-brokers={kafka.bootstrap}"
    commands = (
        (
            "simulate",
            f"--nodes={settings.nodes}",
            f"--pods-per-node={settings.pods_per_node}",
            f"--api-port={api_port}",
            f"--kubelet-port={kubelet_port}",
        ),
        ("scraper", f"--source={source}", brokers, f"--metric-resolution={RESOLUTION_S}s"),
        ("processor", brokers),
        ("writer", brokers, f"--sink=influxdb:{influxdb.url}?db={DATABASE}"),
    )
    return tuple(running.enter_context(Process(command, folder / f"{command[0]}.log")) for command in commands)


def _tell(
    console: Console,
    settings: Settings,
    kafka: Kafka,
    influxdb: InfluxDB,
    processes: tuple[Process, ...],
    folder: Path,
) -> None:
    console.print(f"Kafka      {kafka.bootstrap}")
    console.print(f"InfluxDB   {influxdb.url}  (database {DATABASE})")
    console.print(f"cluster    {settings.nodes} nodes with {settings.pods_per_node} pods each, simulated")
    for process in processes:
        console.print(f"{process.name:<10} pid {process.pid}, log {process.log}")
    console.print(f"logs and data lie in {folder}; a window is {RESOLUTION_S} s long, so give it half a minute")
    if settings.seconds is None:
        console.print("Ctrl-C ends it all.")


def _watch(console: Console, settings: Settings, processes: tuple[Process, ...], figures: Figures) -> Process | None:
    """The live line, until the time is up or the user interrupts; the service that has died, if one has."""
    began = time.monotonic()
    with Live(console=console, auto_refresh=False) as live:
        try:
            while settings.seconds is None or time.monotonic() - began < settings.seconds:
                ended = next((process for process in processes if not process.running), None)
                if ended is not None:
                    return ended
                live.update(figures.line(time.monotonic() - began), refresh=True)
                time.sleep(_LOOK_EVERY_S)
        except InterruptedDemoError:
            return None
    return None


def _summary(console: Console, influxdb: InfluxFigures) -> int:
    found = influxdb.measurements()
    missing = sorted(FED_METRICS - found)
    console.print(f"\nIn InfluxDB: {influxdb.series()} series, {influxdb.points()} points, newest {influxdb.newest()}")
    for name, value in influxdb.samples():
        console.print(f"  {name:<60} {value}")
    if missing:
        console.print(f"{len(missing)} of {len(FED_METRICS)} metrics have not arrived: {', '.join(missing)}")
        return 1
    console.print(f"All {len(FED_METRICS)} metrics that the simulated cluster feeds have arrived.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
