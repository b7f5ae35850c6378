"""Work per record, counted in function calls: the number does not depend on the machine or its load.

Each bound was set a tenth above the count at that time. Raise a bound only for a good reason, and state the results of
`make bench` before and after.
"""

import sys
import tracemalloc
from collections.abc import Callable
from types import FrameType

import orjson
import pytest

from processor.core.derive import derive
from processor.core.labels import LabelRules
from schemas.node_scrape import ApiPod
from scraper.cluster.objects import ClusterNamespace
from scraper.cluster.snapshot import Snapshot
from scraper.kubelet.client import KubeletClient
from scraper.kubelet.deadline import Deadline
from scraper.rounds.record import Outcome, Round
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.scrapes import summary_scrape
from tests.sources import node, source
from tools.bench import cluster, stages
from tools.bench.stages import PROCESS
from writer.lines.render import PointSchema, render
from writer.pipeline.batch_versions import NewestVersions
from writer.pipeline.write_batch import Record, WriteBatch


def calls(work: Callable[[object], object], record: object, builtin: object = None) -> int:
    """Calls of Python and built-in functions, or those of one built-in function, after caches are filled."""
    work(record)
    counted = 0

    def count(_: FrameType, event: str, function: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"} and builtin in {None, function}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work(record)
    finally:
        sys.setprofile(before)
    return counted


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[Callable[[object], object], object]]:
    return {name: (work, records[0]) for name, (work, records) in stages.stages(nodes=1).items()}


@pytest.mark.parametrize(
    ("stage", "bound"),
    [
        pytest.param(PROCESS, 23_500, id="processor"),
        pytest.param("writer: decode a batch", 170, id="writer, decode"),
        pytest.param("writer: render", 1_640, id="writer, render"),
        pytest.param("writer: render with fields", 1_640, id="writer, render with fields"),
        pytest.param("scraper: encode a scrape", 231, id="scraper, encode, pods as before"),
    ],
)
def test_calls_per_record_of_a_node_with_2632_values(
    measured: dict[str, tuple[Callable[[object], object], object]], stage: str, bound: int
) -> None:
    work, record = measured[stage]
    counted = calls(work, record)
    assert counted <= bound, f"{stage}: {counted} calls"


@pytest.mark.parametrize("extended", [False, True])
def test_the_summary_is_parsed_once(*, extended: bool) -> None:
    scrape = summary_scrape(cluster.document(0, 1_790_000_000))
    counted = calls(lambda _: derive(scrape, None, LabelRules(), extended=extended), None, builtin=orjson.loads)
    assert counted == 1


def test_calls_per_kubelet_request() -> None:
    world = FixedWorld()
    world.show(summaries={"n1": cluster.document(0, 1_790_000_000)})
    with SimulatedCluster.fixed(world, addresses={"n1": "127.0.0.1"}) as served:
        config = source("http://127.0.0.1:9", f"&kubeletPort={served.kubelet_port}")
        kubelets = KubeletClient(config.login, config.kubelets)
        counted = calls(lambda asked: kubelets.summary(asked, Deadline(60)), node("127.0.0.1", None))  # type: ignore[arg-type]
    assert counted <= 1_420, f"{counted} calls"


def test_calls_per_assembled_record() -> None:
    seen = cluster.snapshot(1)
    scrape_round = Round(cluster="default", resolution_ns=1, window_end_ns=1, snapshot=seen)
    [only_node] = seen.nodes.values()
    listed = frozenset((pod.namespace, pod.name) for pod in seen.pods.of_node[only_node.name])
    outcome = Outcome(finished_at_ns=1, duration_ns=1, document=b"{}", pods=listed)
    counted = calls(lambda _: scrape_round.record(only_node, outcome), None)
    assert counted <= 630, f"{counted} calls"


def test_a_record_takes_no_more_memory_when_its_namespaces_and_workloads_run_on_many_nodes() -> None:
    small, large = (record_memory_bytes(nodes) for nodes in (10, 2_000))
    assert large < 2 * small


def record_memory_bytes(nodes: int) -> int:
    """Peak memory while the record of one node is assembled; a copy of the set of nodes would increase it."""
    names = [f"n{number}" for number in range(nodes)]
    seen = Snapshot.of(
        [node("127.0.0.1", 10255, name) for name in names],
        [
            ApiPod(namespace="shop", name=name, uid="", node=name, owner_kind="DaemonSet", owner_name="log")
            for name in names
        ],
        [ClusterNamespace("shop", "", {})],
    )
    scrape_round = Round(cluster="default", resolution_ns=1, window_end_ns=1, snapshot=seen)
    outcome = Outcome(finished_at_ns=1, duration_ns=1, document=b"{}", pods=frozenset({("shop", names[0])}))
    tracemalloc.start()
    record = scrape_round.record(seen.nodes[names[0]], outcome)
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [each.nodes for each in (*record.namespaces, *record.workloads)] == [nodes, nodes]
    return peak_bytes


def test_calls_of_the_writer_from_a_record_to_its_lines(
    measured: dict[str, tuple[Callable[[object], object], object]],
) -> None:
    """Only decoding and rendering: no metric sets are built in between."""
    _, data = measured["writer: decode a batch"]
    assert isinstance(data, bytes)
    record = Record(topic="derived-metrics", partition=0, offset=0, key=None, value=data, time_ms=None)

    def add(record: object) -> None:
        assert isinstance(record, Record)
        WriteBatch(lambda batch: render(batch, PointSchema()), NewestVersions()).add(record)

    counted = calls(add, record)
    assert counted <= 1_830, f"{counted} calls"
