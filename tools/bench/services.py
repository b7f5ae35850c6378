"""The services as they run: what a worker of each needs for a node-scrape, on the real Kafka."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, TypeAlias

from processor.config import GROUP
from replay.groups import ConsumerGroups
from runtime.errors import UnavailableError
from runtime.kafka import KafkaSettings
from schemas.topics import topics
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tools.bench import cluster, history
from tools.bench.costs import Cost, all_done, cost
from tools.bench.machine import measured, measured_core, move, other_cores
from tools.bench.sink import Sink
from tools.stack.kafka import Kafka
from tools.stack.process import Process
from writer.__main__ import build
from writer.pipeline.sink_worker import GROUP_PREFIX

Tell: TypeAlias = Callable[[str], None]

MOST_WRITTEN: Final = 4000  # batches are enough to measure a writer by
_CHANGELOGS: Final = (f"{GROUP}-samples-changelog", f"{GROUP}-groups-changelog")
_WARM: Final = 0.2  # of the records
_COUNTED: Final = 0.9  # the last ones wait for a flush and a commit that others hurry along


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


def processor_and_writer(here: Place, nodes: int, scrapes: int, tell: Tell) -> dict[str, object]:
    """Both catch up with a history: the processor, then a writer in each schema, into a sink that only reads."""
    live, groups = topics(), ConsumerGroups(here.settings)

    def done() -> int:
        return committed(groups, GROUP, live.kubelet_stats.name)

    tell(f"processor, {nodes} nodes")
    with worker(here, "processor") as processor:
        # a first scrape has no rates, and costs less: it is not counted
        warm = max(nodes * 1.1, _WARM * scrapes)
        found: dict[str, object] = {"processor": asdict(cost([processor], done, warm=warm, records=_COUNTED * scrapes))}
        all_done([processor], done, scrapes)
    names = (live.kubelet_stats.name, live.group_sums.name, live.derived_metrics.name, *_CHANGELOGS)
    found["bytes"] = {
        name: round(size / scrapes) for name, size in history.topic_bytes(here.folder / "kafka" / "data", names).items()
    }
    batches = sum(groups.ends(live.derived_metrics.name).values())
    for name, schema in (("writer", ""), ("writer with fields", "&withfields=true")):
        tell(f"{name}, {nodes} nodes")
        found[name] = asdict(_written(here, groups, schema, batches, scrapes / batches))
    return found


def _written(here: Place, groups: ConsumerGroups, schema: str, batches: int, scrapes_a_batch: float) -> Cost:
    source = topics().derived_metrics.name
    with Sink() as sink:
        uri = f"influxdb:{sink.url}?db=bench{len(schema)}{schema}"
        [built] = build((uri,))
        group = GROUP_PREFIX + built.name
        records = min(batches, MOST_WRITTEN)
        with worker(here, "writer", f"--sink={uri}") as writer:
            return cost(
                [writer],
                lambda: committed(groups, group, source),
                warm=_WARM * records,
                records=records,
                scrapes_a_record=scrapes_a_batch,
            )


def scraper(here: Place, nodes: int, rounds: int, every_s: int, tell: Tell) -> dict[str, object]:
    """Rounds over all nodes, against kubelets that have their answers ready; the first one is not counted."""
    groups, topic = ConsumerGroups(here.settings), topics().kubelet_stats.name

    def scraped() -> int:
        try:
            return sum(groups.ends(topic).values())
        except (UnavailableError, KeyError):
            return 0

    with kubelets(nodes, tell) as served:
        tell(f"scraper, {nodes} nodes")
        with worker(here, "scraper", *scraper_arguments(served, every_s)) as process:
            return {"scraper": asdict(cost([process], scraped, warm=nodes, records=rounds * nodes))}


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


def committed(groups: ConsumerGroups, group: str, topic: str) -> int:
    """How many records of a topic a group has done; 0 before it has begun."""
    try:
        return sum(groups.committed(group, topic).values())
    except UnavailableError:
        return 0


@contextmanager
def worker(here: Place, *arguments: str, core: int | None = None) -> Iterator[Process]:
    """A service on the measured core, or on another one."""
    name = f"{arguments[0]}-{time.monotonic_ns()}"
    cores = {measured_core() if core is None else core}
    process = measured(name, command(here, *arguments), here.folder / f"{name}.log", cores)
    try:
        yield process
    finally:
        process.stop()
