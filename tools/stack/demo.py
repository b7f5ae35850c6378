"""A simulated cluster through the whole pipeline, with a live line of progress: `python -m tools.stack.demo`."""

import shlex
import shutil
import signal
import sys
import threading
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import requests
from confluent_kafka import KafkaException
from rich.console import Console

from runtime.errors import UnavailableError
from runtime.kafka import KafkaSettings
from schemas.topics import topics
from simulator.cluster import FED_METRICS
from tools.stack.cache import InstallError, cache_folder, locked
from tools.stack.contents import Contents
from tools.stack.demo_settings import DemoSettings
from tools.stack.live_line import LiveLine
from tools.stack.pipeline import DATABASE, RESOLUTION_S, Pipeline
from tools.stack.process import Process, ProcessError
from tools.stack.progress import Progress

_LOOK_EVERY_S: Final = 1.0
_INTERRUPTED: Final = 130


def main() -> int:
    """Run it; 0 if every metric that the simulated cluster feeds has arrived."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        settings = DemoSettings.read()
    except ValueError as error:
        console.print(str(error), markup=False)
        return 2
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: stopped.set())
    folder = cache_folder() / "demo"
    try:
        with locked("demo", wait=False):
            shutil.rmtree(folder, ignore_errors=True)
            return _run(console, settings, folder, stopped)
    except BlockingIOError:
        console.print(f"A demo runs already, in {folder}: end that one first.", markup=False)
    except (InstallError, ProcessError) as error:
        console.print(str(error), markup=False)
    return 1


def _run(console: Console, settings: DemoSettings, folder: Path, stopped: threading.Event) -> int:
    pipeline = Pipeline.in_folder(folder, settings)
    with ExitStack() as ending:
        ending.callback(pipeline.stop)  # first of all, and silent: the terminal may be gone
        with console.status("Kafka and InfluxDB are starting …"):
            if not pipeline.start(stopped):
                return _INTERRUPTED
        _tell(console, settings, pipeline, folder)
        contents = Contents(pipeline.influxdb.url, DATABASE)
        ended = _watch(console, settings, pipeline, contents, stopped)
        status = _summary(console, contents) if ended is None else _failure(console, ended)
        console.print("Ending everything that was started …")
        return status


def _failure(console: Console, ended: Process) -> int:
    console.print(f"{ended.name} has ended with status {ended.status}; its log {ended.log}:", markup=False)
    console.print(ended.log_tail(), markup=False)
    return 1


def _tell(console: Console, settings: DemoSettings, pipeline: Pipeline, folder: Path) -> None:
    kafka, influxdb = pipeline.kafka, pipeline.influxdb
    rows = [
        ("Kafka", kafka.pid, kafka.bootstrap),
        ("InfluxDB", influxdb.pid, f"{influxdb.url}, database {DATABASE}, no password"),
        *(
            (service.name, service.pid, shlex.join(("heapster-stream", *service.command[3:])))
            for service in pipeline.services
        ),
    ]
    for name, pid, what in rows:
        console.print(f"{name:<10} process {pid:<8} {what}", markup=False)
    console.print(f"The web page: {pipeline.page_url}", markup=False)
    console.print(f"Logs and data are in {folder}.", markup=False)
    end = "Ctrl-C ends it." if settings.seconds is None else f"It ends after {settings.seconds} s."
    console.print(
        f"{settings.nodes} nodes with {settings.pods_per_node} pods each are scraped every {RESOLUTION_S} s; rates need"
        f" two scrapes, so all metrics are there after half a minute. Scrapes become batches,"
        f" and those points; lag is what processor and writer have before them. {end}",
        soft_wrap=not console.is_terminal,  # at words; the lines above are to be copied
    )


def _watch(
    console: Console, settings: DemoSettings, pipeline: Pipeline, contents: Contents, stopped: threading.Event
) -> Process | None:
    """The live line, until the time is up or we are told to stop. The process that has ended, if one has."""
    began = time.monotonic()
    with closing(Progress(KafkaSettings(pipeline.kafka.bootstrap))) as progress, LiveLine(console) as line:
        while not stopped.is_set():
            elapsed_s = time.monotonic() - began
            if settings.seconds is not None and elapsed_s >= settings.seconds:
                break
            try:
                line.show(elapsed_s, _figures(settings, progress, contents))
            except (UnavailableError, KafkaException, requests.RequestException) as error:
                line.show(elapsed_s, {"no figures:": str(error)})
            if (ended := pipeline.ended()) is not None:
                return ended
            stopped.wait(_LOOK_EVERY_S)
    return None


def _figures(settings: DemoSettings, progress: Progress, contents: Contents) -> dict[str, str]:
    live = topics()
    return {
        "nodes": f"{progress.nodes_scraped()}/{settings.nodes}",
        "scrapes": f"{progress.records(live.kubelet_stats):,}",
        "batches": f"{progress.records(live.derived_metrics):,}",
        "points": f"{contents.points_written():,}",
        "lag": f"{progress.processor_lag()}+{progress.writer_lag()}",
    }


def _summary(console: Console, contents: Contents) -> int:
    try:
        missing = sorted(FED_METRICS - contents.measurements())
        console.print(
            f"In InfluxDB: {contents.series():,} series, {contents.points():,} points,"
            f" the newest of {contents.newest() or 'never'}"
        )
        for found in contents.values():
            value = f"{found.value:,.3f}" if isinstance(found.value, float) else f"{found.value:,}"
            console.print(f"  {found.metric:<23} {found.kind:<13} {value:>13}  {found.meaning}", markup=False)
    except requests.RequestException as error:
        console.print(f"InfluxDB does not answer: {error}", markup=False)
        return 1
    arrived = len(FED_METRICS) - len(missing)
    console.print(f"{arrived} of the {len(FED_METRICS)} metrics that the simulated cluster feeds have arrived.")
    if missing:
        console.print(f"Missing: {', '.join(missing)}", markup=False)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
