"""The api under load: memory with fifteen minutes of a large cluster, and how long answers take while it takes in more.

    python -m tools.bench.api --nodes=1000 --clients=50 --seconds=90

Fifteen windows of real batches lie in a real Kafka when the service is started; then windows go on coming, each in a
burst as scrapers and processors make it, while the clients ask for single series, and now and then for whole lists.
"""

import json
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from statistics import quantiles
from typing import Final
from urllib.error import URLError
from urllib.request import urlopen

import click

from runtime.kafka import KafkaSettings
from scraper.cluster.snapshot import Snapshot
from simulator.cluster import Cluster, ClusterSize
from simulator.objects import Endpoint
from tools.bench.queries import ask
from tools.bench.windows import RESOLUTION_NS, Windows
from tools.stack.kafka import Kafka
from tools.stack.ports import LOOPBACK, own_ports
from tools.stack.process import Process

_WINDOWS: Final = 15
_MADE: Final = 2  # the second one has rates; the others repeat it
_NS_PER_S: Final = 1_000_000_000
_LOOK_EVERY_S: Final = 0.5
_READY_WITHIN_S: Final = 600
_ASKERS: Final = 2  # processes that ask
_S_PER_BATCH: Final = 0.015  # to make one, at a guess: so long the newest window may still lie ahead
_LISTS_RATE: Final = 0.5  # of whole lists, in a second
LISTS: Final = (
    "/apis/metrics.k8s.io/v1beta1/nodes",
    "/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods?labelSelector=app%3Dcart",
)


@click.command()
@click.option("--nodes", default=1000, show_default=True)
@click.option("--pods-per-node", default=45, show_default=True, help="45 make about 2,600 numbers a node.")
@click.option("--clients", default=50, show_default=True)
@click.option("--rate", default=4.0, show_default=True, help="Questions of one client in a second.")
@click.option("--seconds", default=90, show_default=True)
def main(nodes: int, pods_per_node: int, clients: int, rate: float, seconds: int) -> None:
    """Measure, and print what was found."""
    with tempfile.TemporaryDirectory(prefix="bench-api-") as folder:
        kafka = Kafka(Path(folder) / "kafka").start()
        try:
            measure(
                kafka, Path(folder), ClusterSize(nodes=nodes, pods_per_node=pods_per_node), Load(clients, rate, seconds)
            )
        finally:
            kafka.stop()


@dataclass(frozen=True, slots=True)
class Load:
    """How much is asked."""

    clients: int
    rate: float
    seconds: int


def measure(kafka: Kafka, folder: Path, shape: ClusterSize, load: Load) -> None:
    """Fill, start, wait, ask; all on one broker."""
    endpoints = [Endpoint(f"127.1.{number // 250}.{number % 250 + 1}", 10255) for number in range(shape.nodes)]
    cluster = Cluster(shape, endpoints)
    windows = Windows(KafkaSettings(kafka.bootstrap), cluster)
    newest_ns = (
        (time.time_ns() + int(shape.nodes * _WINDOWS * _S_PER_BATCH) * _NS_PER_S) // RESOLUTION_NS * RESOLUTION_NS
    )
    for number in range(_WINDOWS):
        window_end_ns = newest_ns - (_WINDOWS - 1 - number) * RESOLUTION_NS
        (windows.make if number < _MADE else windows.again)(window_end_ns)
        windows.send()
        click.echo(f"{number + 1} of {_WINDOWS} windows are in Kafka", err=True)
    windows.again(newest_ns + RESOLUTION_NS)
    time.sleep(max(0.0, (newest_ns - time.time_ns()) / _NS_PER_S))
    (port,) = own_ports(1)
    command = ("-m", "heapster_stream", "api", f"--kafka-brokers={kafka.bootstrap}", f"--heapster-port={port}")
    service = Process("api", (sys.executable, *command), folder / "api.log").launch()
    try:
        click.echo(f"caught up after {caught_up(port):.1f} s; {memory(service.pid)}")
        click.echo(f"at rest: {under_load(port, windows.seen, load)}")
        threading.Timer(load.seconds / 4, windows.send).start()
        click.echo(f"while a window comes in: {under_load(port, windows.seen, load)}")
        click.echo(memory(service.pid))
    finally:
        service.stop()
        click.echo(service.log_tail(5), err=True)


def caught_up(port: int) -> float:
    """Wait until everything in Kafka has been read; after how many seconds it was."""
    began_s = time.monotonic()
    while time.monotonic() - began_s < _READY_WITHIN_S:
        with suppress(URLError), urlopen(f"http://{LOOPBACK}:{port}/api/v1/status") as answer:
            status = json.load(answer)
            if status["partitions"] and not status["records_behind"]:
                return time.monotonic() - began_s
        time.sleep(_LOOK_EVERY_S)
    raise RuntimeError("the api has not caught up")


def under_load(port: int, seen: Snapshot, load: Load) -> str:
    """How long single series take, while somebody also asks for all nodes and for a namespace's pods."""
    share = load.clients // _ASKERS
    with ProcessPoolExecutor(_ASKERS + 1, mp_context=get_context("spawn")) as pool:
        single = [pool.submit(ask, port, single_series(seen), share, load.rate, load.seconds) for _ in range(_ASKERS)]
        lists = pool.submit(ask, port, LISTS, 1, _LISTS_RATE, load.seconds)
        taken_ms = [each for future in single for each in future.result()]
        return f"single series {figures(taken_ms)}; whole lists {figures(lists.result())}"


def single_series(seen: Snapshot) -> list[str]:
    """Paths of every kind of entity."""
    model = "/api/v1/model"
    paths = [f"{model}/metrics/cpu/usage_rate"]
    for node in list(seen.nodes.values())[::7]:
        paths.append(f"{model}/nodes/{node.name}/metrics/memory/usage")
        for pod in tuple(seen.pods.of_node[node.name])[::7]:
            path = f"{model}/namespaces/{pod.namespace}/pods/{pod.name}"
            paths.append(f"{path}/metrics/cpu/usage_rate")
            paths += [f"{path}/containers/{each.name}/metrics/memory/working_set" for each in pod.containers]
    return paths


def figures(taken_ms: Sequence[float]) -> str:
    """Quantiles, in words."""
    cuts = quantiles(taken_ms, n=1000)
    p50, p99, p999 = cuts[499], cuts[989], cuts[998]
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, p99.9 {p999:.1f} ms, most {max(taken_ms):.1f} ms of {len(taken_ms)}"


def memory(pid: int) -> str:
    """Resident memory of the process that answers, and of the one that follows Kafka."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    each = {child: _resident_mb(int(child)) for child in children}
    return f"resident: {_resident_mb(pid)} MB, following Kafka {max(each.values(), default=0)} MB"


def _resident_mb(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    return 0


if __name__ == "__main__":
    main()
