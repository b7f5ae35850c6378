"""The whole pipeline on the real Kafka and InfluxDB: CPU and memory of all workers, and how soon points are there."""

import statistics
import time
from contextlib import ExitStack
from typing import Final

from bench.machine import Used, used
from bench.services import Place, Tell, command, kubelets, scraper_arguments
from bench.sink import Sink
from runtime.kafka import KafkaSettings
from runtime.reader import Reader
from schemas.node_scrape import decode_scrape
from schemas.topics import topics
from stack.influxdb import InfluxDB
from stack.process import Process, ProcessError

_WINDOWS_BEFORE: Final = 2  # the first makes series and fills caches, the second has rates at last
_LOOK_EVERY_S: Final = 0.25
_LATEST_S: Final = 120.0


def pipeline(here: Place, nodes: int, *, every_s: int, windows: int, schema: str, tell: Tell) -> dict[str, float]:
    """So many windows of all nodes, from kubelet to InfluxDB, one worker of each kind. Latency in seconds."""
    with ExitStack() as ending:
        influxdb = InfluxDB(here.folder / f"influxdb{nodes}")
        ending.callback(influxdb.kill)
        influxdb.start()
        sink = ending.enter_context(Sink(influxdb.url))
        served = ending.enter_context(kubelets(nodes, tell))
        workers = [
            Process(arguments[0], command(here, *arguments), here.folder / f"{arguments[0]}-of-{nodes}.log").launch()
            for arguments in (
                ("processor",),
                ("writer", f"--sink=influxdb:{sink.url}?db=k8s{schema}"),
                ("scraper", *scraper_arguments(served, every_s)),
            )
        ]
        for worker in workers:
            ending.callback(worker.stop)
        begin = _after(sink, workers, nodes, _WINDOWS_BEFORE, every_s, tell)
        end = _after(sink, workers, nodes, _WINDOWS_BEFORE + windows, every_s, tell)
        latencies = _latencies(here.settings, sink)
    scrapes = nodes * windows
    cpu_ms = {
        worker.name: (after.cpu_s - before.cpu_s) * 1000 / scrapes
        for worker, before, after in zip(workers, begin, end, strict=True)
    }
    return {
        **{name: round(milliseconds, 2) for name, milliseconds in cpu_ms.items()},
        "all": round(sum(cpu_ms.values()), 2),
        "memory_mb": round(sum(each.peak_bytes for each in end) / 2**20),
        "latency_p50_s": round(statistics.median(latencies), 2),
        "latency_p99_s": round(statistics.quantiles(latencies, n=100)[98], 2),
    }


def _after(sink: Sink, workers: list[Process], nodes: int, windows: int, every_s: int, tell: Tell) -> list[Used]:
    """What the workers have used when all nodes of so many windows are written."""
    until_s = time.monotonic() + windows * every_s + _LATEST_S
    while (found := len(sink.taken_ns)) < nodes * windows:
        if ended := next((worker for worker in workers if not worker.running), None):
            raise ProcessError(f"{ended.name} has ended; its log {ended.log}:\n{ended.log_tail()}")
        if time.monotonic() > until_s:
            raise ProcessError(
                f"{found} of {nodes * windows} node-scrapes have arrived; the logs: {workers[0].log.parent}"
            )
        time.sleep(_LOOK_EVERY_S)
    tell(f"{windows} windows of {nodes} nodes are in InfluxDB")
    return [used(worker.pid) for worker in workers]


def _latencies(kafka: KafkaSettings, sink: Sink) -> list[float]:
    """From each kubelet's answer to InfluxDB's acknowledgement."""
    topic = topics().kubelet_stats.name
    found: list[float] = []
    with Reader(kafka, "bench-latency") as reader:
        bounds = reader.bounds(topic)
        for partition, (begin, end) in bounds.items():
            for message in reader.records(topic, partition, begin, end):
                scrape = decode_scrape(message.value())
                taken_ns = sink.taken_ns.get((scrape.node, scrape.window_end_ns))
                if taken_ns is not None:
                    found.append((taken_ns - scrape.scraped_at_ns) / 1e9)
    return found
