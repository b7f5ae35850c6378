"""The services as they run: what a worker of each needs for a node-scrape, on the real Kafka."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

from bench import cluster, history
from bench.machine import measured, move, other_cores, used
from bench.sink import Sink
from processor.config import GROUP
from replay.groups import Groups
from runtime.errors import UnavailableError
from runtime.kafka import KafkaSettings
from schemas.topics import topics
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from stack.kafka import Kafka
from stack.process import Process, ProcessError
from writer.__main__ import build
from writer.consume import GROUP_PREFIX

Tell: TypeAlias = Callable[[str], None]

SCRAPED_EVERY_S: Final = 10
_LOOK_EVERY_S: Final = 0.25
_LONGEST_S: Final = 240.0
_WARM: Final = 0.2  # of the records: caches fill, connections are made
_CHANGELOGS: Final = (f"{GROUP}-samples-changelog", f"{GROUP}-groups-changelog")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process needed for a node-scrape, once it was warm."""

    cpu_ms: float
    per_second: float  # node-scrapes, on the one core it had
    peak_mb: float


@dataclass(frozen=True, slots=True)
class Place:
    """A Kafka with nothing in it yet, and a folder for logs."""

    kafka: Kafka
    settings: KafkaSettings
    folder: Path


@contextmanager
def place(folder: Path) -> Iterator[Place]:
    """A Kafka of its own, on the cores that are not measured."""
    kafka = Kafka(folder / "kafka").start()
    try:
        move(kafka.pid, other_cores())
        yield Place(kafka, KafkaSettings(brokers=kafka.bootstrap), folder)
    finally:
        kafka.kill()


def processor_and_writer(here: Place, nodes: int, windows: int, tell: Tell) -> dict[str, object]:
    """Both catch up with a history: the processor, then a writer in each schema, into a sink that only reads."""
    scrapes = history.record(here.settings, nodes, windows, tell)
    live, groups = topics(), Groups(here.settings)

    def done(group: str, topic: str) -> int:
        try:
            return sum(groups.committed(group, topic).values())
        except UnavailableError:
            return 0

    tell(f"processor, {nodes} nodes")
    found: dict[str, object] = {
        "processor": asdict(
            _run(here, ("processor",), scrapes, lambda: done(GROUP, live.kubelet_stats.name), at_most=1.0)
        )
    }
    names = (live.kubelet_stats.name, live.group_sums.name, live.derived_metrics.name, *_CHANGELOGS)
    found["bytes"] = {
        name: round(size / scrapes) for name, size in history.topic_bytes(here.folder / "kafka" / "data", names).items()
    }
    batches = sum(groups.ends(live.derived_metrics.name).values())
    for schema in ("", "&withfields=true"):
        tell(f"writer{schema}, {nodes} nodes")
        with Sink() as sink:
            uri = f"influxdb:{sink.url}?db=bench{len(schema)}{schema}"
            [built] = build((uri,))
            group = GROUP_PREFIX + built.name
            cost = _run(
                here,
                ("writer", f"--sink={uri}"),
                batches,
                lambda group=group: done(group, live.derived_metrics.name),  # type: ignore[misc]
                at_most=scrapes / batches,
            )
        found["writer with fields" if schema else "writer"] = asdict(cost)
    return found


def scraper(here: Place, nodes: int, rounds: int, tell: Tell) -> dict[str, object]:
    """Rounds over all nodes, against kubelets that have their answers ready."""
    groups, topic = Groups(here.settings), topics().kubelet_stats.name
    with kubelets(nodes, tell) as served:
        tell(f"scraper, {nodes} nodes")
        arguments = scraper_arguments(served, SCRAPED_EVERY_S)

        def scraped() -> int:
            try:
                return sum(groups.ends(topic).values())
            except (UnavailableError, KeyError):
                return 0

        return {"scraper": asdict(_run(here, ("scraper", *arguments), rounds * nodes, scraped, at_most=1.0))}


@contextmanager
def kubelets(nodes: int, tell: Tell) -> Iterator[SimulatedCluster]:
    """The measured cluster's API and kubelets; documents stay as they are, which a scraper does not see."""
    tell(f"making {nodes} kubelets")
    world, at_s = FixedWorld(), int(time.time())
    world.show(
        **cluster.objects(nodes),  # type: ignore[arg-type]
        summaries={cluster.node_name(number): cluster.document(number, at_s) for number in range(nodes)},
    )
    with SimulatedCluster.fixed(world) as served:
        yield served


def scraper_arguments(served: SimulatedCluster, resolution_s: int) -> tuple[str, ...]:
    """The scraper's flags for that cluster."""
    source = f"kubernetes:{served.api_url}?inClusterConfig=false&kubeletPort={served.kubelet_port}"
    return f"--source={source}", f"--metric-resolution={resolution_s}s"


def command(here: Place, *arguments: str) -> tuple[str, ...]:
    """A service on that Kafka."""
    return (sys.executable, "-m", "heapster_stream", *arguments, f"--kafka-brokers={here.kafka.bootstrap}")


def _run(here: Place, arguments: tuple[str, ...], records: int, done: Callable[[], int], *, at_most: float) -> Cost:
    """One worker until so many records are done; `at_most` is how many node-scrapes a record stands for."""
    before = done()
    with ExitStack() as ending:
        name = f"{arguments[0]}-{time.monotonic_ns()}"
        process = measured(name, command(here, *arguments), here.folder / f"{name}.log")
        ending.callback(process.stop)
        warm_records, warm_s, warm_cpu_s = _until(process, lambda: done() - before, _WARM * records)
        all_records, all_s, all_cpu_s = _until(process, lambda: done() - before, records)
        scrapes = max(1.0, (all_records - warm_records) * at_most)
        peak_mb = used(process.pid).peak_bytes / 2**20
    return Cost(
        cpu_ms=round((all_cpu_s - warm_cpu_s) * 1000 / scrapes, 3),
        per_second=round(scrapes / max(0.001, all_s - warm_s), 1),
        peak_mb=round(peak_mb, 1),
    )


def _until(process: Process, done: Callable[[], int], wanted: float) -> tuple[int, float, float]:
    """How much is done when that is reached, when that was, and the CPU time used by then."""
    began_s = time.monotonic()
    while (so_far := done()) < wanted:
        if not process.running:
            raise ProcessError(f"{process.name} has ended; its log {process.log}:\n{process.log_tail()}")
        if time.monotonic() - began_s > _LONGEST_S:
            raise ProcessError(f"{process.name} has done {so_far} of {wanted:.0f} in {_LONGEST_S:.0f} s: {process.log}")
        time.sleep(_LOOK_EVERY_S)
    return so_far, time.monotonic(), used(process.pid).cpu_s
