"""What it costs a scraper to know a large cluster: the time of its first list, and the memory of it all.

    python -m tools.bench.watch [--nodes 5000] [--pods 150000] [--workers 1]

The API server is a process of its own, and so is each worker, whose memory is the peak of its resident set as the
kernel counts it, once everything has been listed and once it has been listed again beside what was known.
"""

import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click
from prometheus_client import REGISTRY
from rich.console import Console
from rich.table import Table

import scraper.rounds.worker  # noqa: F401 - a worker's whole program counts
from scraper.cluster.cluster_watch import ClusterWatch
from scraper.config import SourceConfig

_LIMIT_S: Final = 600
_MIB: Final = 1024
_WATCHES: Final = 2


@click.command()
@click.option("--nodes", default=5000, show_default=True, help="Nodes of the cluster.")
@click.option("--pods", default=150_000, show_default=True, help="Pods of the cluster.")
@click.option("--workers", default=1, show_default=True, help="Scrapers at the same time.")
@click.option("--url", default="", hidden=True, help="Be a worker that follows this API server.")
def main(nodes: int, pods: int, workers: int, url: str) -> None:
    """Measure the scraper's view of a large cluster."""
    if url:
        print(json.dumps(_follow(url)))
        return
    server_arguments = [sys.executable, "-m", "simulator.paged_api", str(nodes), str(pods)]
    with ExitStack() as running:
        server = running.enter_context(subprocess.Popen(server_arguments, stdout=subprocess.PIPE, text=True))
        running.callback(server.kill)
        assert server.stdout is not None  # asked for above
        address = f"http://127.0.0.1:{server.stdout.readline().strip()}"
        worker = [sys.executable, "-m", "tools.bench.watch", "--url", address]

        def measured(_: int) -> dict[str, float]:
            found: dict[str, float] = json.loads(
                subprocess.run(worker, check=True, capture_output=True, text=True, timeout=_LIMIT_S).stdout
            )
            return found

        with ThreadPoolExecutor(workers) as pool:
            results = list(pool.map(measured, range(workers)))
    Console().print(_table(results, f"{nodes} nodes, {pods} pods, {workers} worker(s)"))


def _follow(url: str) -> dict[str, float]:
    stopped = threading.Event()
    source = SourceConfig.parse((f"kubernetes:{url}?inClusterConfig=false",))
    watch = ClusterWatch(source.login, source.read_node, stopped)
    before_mib = _peak_mib()
    began, worked_before = time.monotonic(), time.process_time()
    watch.start()
    while not watch.synced:
        time.sleep(0.01)
    listed_s, worked_s = time.monotonic() - began, time.process_time() - worked_before
    snapshot_began = time.monotonic()
    snapshot = watch.snapshot()
    found = {
        "seconds": listed_s,
        "cpu": worked_s,
        "snapshot_s": time.monotonic() - snapshot_began,
        "nodes": len(snapshot.nodes),
        "pods": len(snapshot.pods.by_name),
        "program_mib": before_mib,
        "first_mib": _peak_mib(),
    }
    del snapshot
    while _watches_begun() < _WATCHES:
        time.sleep(0.01)
    watch.snapshot()
    return {**found, "second_mib": _peak_mib()}


def _watches_begun() -> float:
    """Of pods: the second one begins once they have been listed twice."""
    asked = {"resource": "pods", "verb": "watch"}
    return REGISTRY.get_sample_value("heapster_scraper_api_requests_total", asked) or 0.0


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text("ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / _MIB


def _table(results: list[dict[str, float]], title: str) -> Table:
    table = Table("worker", title=title)
    columns = {
        "seconds": "first list, s",
        "cpu": "CPU for it, s",
        "snapshot_s": "a round's snapshot, s",
        "nodes": "nodes",
        "pods": "pods",
        "program_mib": "program alone, MiB",
        "first_mib": "peak, first list, MiB",
        "second_mib": "peak, listed again, MiB",
    }
    for name in columns.values():
        table.add_column(name, justify="right")
    for number, result in enumerate(results):
        precise = {name: {"seconds": 1, "cpu": 1, "snapshot_s": 2}.get(name, 0) for name in columns}
        table.add_row(str(number), *(f"{result[name]:.{precise[name]}f}" for name in columns))
    return table


if __name__ == "__main__":
    main()
