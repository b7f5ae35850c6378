"""The whole pipeline on the real Kafka and InfluxDB: CPU and memory of all workers, and how soon points are there."""

import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final, NamedTuple

from processor.config import GROUP
from replay.groups import ConsumerGroups
from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader
from schemas.node_scrape import decode_scrape
from schemas.topics import topics
from tools.bench.costs import LOOK_EVERY_S
from tools.bench.machine import Used, used
from tools.bench.services import Place, Tell, command, committed, kubelets, scraper_arguments
from tools.bench.sink import Sink
from tools.stack.influxdb import InfluxDB
from tools.stack.process import Process, ProcessError

_WINDOWS_BEFORE: Final = 2  # the first makes series and fills caches, the second has rates at last
_LATEST_S: Final = 120.0


class Load(NamedTuple):
    """What is run: so many windows of so many nodes, into a real InfluxDB or into a sink that only reads.

    `spread_s`: over how long the requests of a window are spread; None: as the scraper does by itself.
    """

    nodes: int
    every_s: int
    windows: int
    schema: str = ""
    influxdb: bool = True
    spread_s: int | None = None


class _Standing(NamedTuple):
    """How far each worker is, and what it has used by then."""

    scrapes: tuple[int, ...]
    used: tuple[Used, ...]


def pipeline(here: Place, load: Load, tell: Tell) -> dict[str, float]:
    """From kubelet to points, one worker of each kind. Latency in seconds.

    Each worker's CPU is divided by the node-scrapes that it has done itself, so it does not matter who is behind.
    """
    with ExitStack() as ending:
        sink = ending.enter_context(Sink(_influxdb(here, ending) if load.influxdb else None, notes=True))
        served = ending.enter_context(kubelets(load.nodes, tell))
        workers = [
            Process(arguments[0], command(here, *arguments), here.folder / f"{arguments[0]}.log").launch()
            for arguments in (
                ("processor",),
                ("writer", f"--sink=influxdb:{sink.url}?db=k8s{load.schema}"),
                ("scraper", *scraper_arguments(served, load.every_s), *_spread(load)),
            )
        ]
        for worker in workers:
            ending.callback(worker.stop)
        groups, stats = ConsumerGroups(here.settings), topics().kubelet_stats.name

        def standing() -> _Standing:
            done = committed(groups, GROUP, stats), len(sink.taken_ns), sum(groups.ends(stats).values())
            return _Standing(done, tuple(used(worker.pid) for worker in workers))

        begin = _after(standing, workers, load, _WINDOWS_BEFORE, tell)
        end = _after(standing, workers, load, _WINDOWS_BEFORE + load.windows, tell)
        latencies = _latencies(here.settings, sink, load.nodes * _WINDOWS_BEFORE)
    cpu_ms = {
        worker.name: (after.cpu_s - before.cpu_s) * 1000 / max(1, now - then)
        for worker, before, after, then, now in zip(
            workers, begin.used, end.used, begin.scrapes, end.scrapes, strict=True
        )
    }
    return {
        **{name: round(milliseconds, 2) for name, milliseconds in cpu_ms.items()},
        "all": round(sum(cpu_ms.values()), 2),
        "memory_mb": round(sum(each.peak_bytes for each in end.used) / 2**20),
        "latency_p50_s": round(statistics.median(latencies), 2),
        "latency_p99_s": round(statistics.quantiles(latencies, n=100)[98], 2),
    }


def _spread(load: Load) -> tuple[str, ...]:
    return () if load.spread_s is None else (f"--scrape-spread={load.spread_s}s",)


def _influxdb(here: Place, ending: ExitStack) -> str:
    """Where a real InfluxDB serves."""
    influxdb = InfluxDB(here.folder / "influxdb")
    ending.callback(influxdb.kill)
    influxdb.start()
    return influxdb.url


def _after(
    standing: Callable[[], _Standing], workers: list[Process], load: Load, windows: int, tell: Tell
) -> _Standing:
    """How things stand when all nodes of so many windows are written."""
    until_s = time.monotonic() + windows * load.every_s + _LATEST_S
    while (now := standing()).scrapes[1] < load.nodes * windows:
        if ended := next((worker for worker in workers if not worker.running), None):
            raise ProcessError(f"{ended.name} has ended; its log {ended.log}:\n{ended.log_tail()}")
        if time.monotonic() > until_s:
            arrived = f"{now.scrapes[1]} of {load.nodes * windows} node-scrapes have arrived"
            raise ProcessError(f"{arrived}; the logs: {workers[0].log.parent}")
        time.sleep(LOOK_EVERY_S)
    tell(f"{windows} windows of {load.nodes} nodes are written")
    return now


def _latencies(kafka: KafkaSettings, sink: Sink, before: int) -> list[float]:
    """From each kubelet's answer to the sink's acknowledgement, without the first so many."""
    topic = topics().kubelet_stats.name
    found: list[tuple[int, float]] = []
    with TopicReader(kafka, "bench-latency") as reader:
        bounds = reader.bounds(topic)
        for partition, (begin, end) in bounds.items():
            for message in reader.records(topic, partition, begin, end):
                scrape = decode_scrape(message.value())
                taken_ns = sink.taken_ns.get((scrape.node, scrape.window_end_ns))
                if taken_ns is not None:
                    found.append((scrape.scraped_at_ns, (taken_ns - scrape.scraped_at_ns) / 1e9))
    return [latency_s for _, latency_s in sorted(found)[before:]]
