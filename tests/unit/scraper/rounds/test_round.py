import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from schemas.node_scrape import ApiPod, NodeScrape, decode_scrape, encode_scrape
from scraper.cluster.objects import ClusterNamespace, ClusterNode, pod_of
from scraper.cluster.snapshot import Snapshot
from scraper.config import SourceConfig
from scraper.kubelet.deadline import Deadline
from scraper.rounds import round as round_module
from scraper.rounds.record import Outcome, Round
from scraper.rounds.round import RoundRunner
from scraper.rounds.schedule import spread_position
from simulator.faults import HEALTHY, MALFORMED, Fault
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.waiting import RecordedWaits

SECOND = 1_000_000_000
WINDOW_END = 1_502_621_460 * SECOND
NODES = ("n1", "n2", "n3")
DOCUMENT = b'{"node":{"nodeName":"n1"},"pods":[{"podRef":{"name":"web","namespace":"shop"}}]}'


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    world = FixedWorld()
    world.show(summaries=dict.fromkeys(NODES, DOCUMENT))
    with SimulatedCluster.fixed(world, addresses={name: f"127.0.5.{i + 1}" for i, name in enumerate(NODES)}) as running:
        yield running


@pytest.fixture
def stopped() -> threading.Event:
    return threading.Event()


class Rounds:
    """Runs rounds and keeps the published records."""

    def __init__(
        self, cluster: SimulatedCluster, stopped: threading.Event, options: str = "", *, spread_ns: int | None = None
    ) -> None:
        self.records: list[tuple[int, NodeScrape]] = []
        self.loses: Callable[[int], bool] = lambda _: False
        source = f"kubernetes:{cluster.api_url}?inClusterConfig=false&kubeletPort={cluster.kubelet_port}{options}"
        self._addresses = cluster.addresses
        self._runner = RoundRunner(SourceConfig.parse((source,)), self._keep, self._is_lost, stopped, spread_ns)

    def _is_lost(self, partition: int) -> bool:
        return self.loses(partition)

    def _keep(self, scrape: NodeScrape, partition: int) -> None:
        self.records.append((partition, decode_scrape(encode_scrape(scrape))))

    def run(
        self, partitions: Mapping[str, int], within_s: float = 10, *, ports: Mapping[str, int] | None = None
    ) -> int:
        return self._runner.run(self.round(ports or {}), partitions, Deadline(within_s))

    def delays(self, left_s: float = 60) -> list[tuple[float, str]]:
        """When each node is scraped, in seconds, with `left_s` left of the round."""
        return list(self._runner._delays(dict.fromkeys(NODES, 0), self.round({}), left_s))

    def round(self, ports: Mapping[str, int]) -> Round:
        nodes = [
            ClusterNode(
                name=name,
                uid=f"uid-{name}",
                ready=True,
                hostname=f"host-{name}",
                address=address,
                kubelet_port=ports.get(name),
                host_id="",
                unschedulable=False,
            )
            for name, address in self._addresses.items()
        ]
        pods = [ApiPod(namespace="shop", name="web", uid="u", node="n1"), ApiPod(namespace="shop", name="x", uid="x")]
        return Round(
            cluster="c",
            resolution_ns=60 * SECOND,
            window_end_ns=WINDOW_END,
            snapshot=Snapshot.of(nodes, pods, [ClusterNamespace("shop", "ns", {})]),
        )

    def close(self) -> None:
        self._runner.close()

    @property
    def errors(self) -> dict[str, str | None]:
        return {scrape.node: scrape.error for _, scrape in self.records}


@pytest.fixture
def rounds(cluster: SimulatedCluster, stopped: threading.Event) -> Iterator[Rounds]:
    found = Rounds(cluster, stopped)
    yield found
    found.close()


def test_a_record_holds_the_response_and_the_api_objects(rounds: Rounds) -> None:
    assert rounds.run({"n1": 4}) == 1
    ((partition, record),) = rounds.records
    assert partition == 4
    assert (record.key, record.window_end_ns, record.resolution_ns) == ("c/n1", WINDOW_END, 60 * SECOND)
    assert (record.document, record.error) == (DOCUMENT, None)
    assert (record.uid, record.hostname, record.address, record.cluster_nodes) == ("uid-n1", "host-n1", "127.0.5.1", 3)
    assert [pod.name for pod in record.pods] == ["web"]
    assert [(namespace.name, namespace.nodes) for namespace in record.namespaces] == [("shop", 1)]
    assert record.duration_ns > 0
    assert abs(record.scraped_at_ns - time.time_ns()) < 60 * SECOND
    assert record.clock_offset_ns is not None


def test_each_node_is_scraped_once_into_its_partition(cluster: SimulatedCluster, rounds: Rounds) -> None:
    assert rounds.run({"n1": 4, "n3": 7}) == 2
    assert sorted((partition, record.node) for partition, record in rounds.records) == [(4, "n1"), (7, "n3")]
    assert [cluster.kubelets[name].requests for name in NODES] == [1, 0, 1]


def test_a_round_without_nodes_publishes_nothing(rounds: Rounds) -> None:
    assert rounds.run({}) == 0
    assert rounds.records == []


@pytest.mark.parametrize(
    ("faults", "answered"),
    [
        pytest.param({"n2": Fault(hang=True)}, {"n1", "n3"}, id="one hangs"),
        pytest.param({"n1": Fault(status=500), "n2": MALFORMED, "n3": Fault(cut=True)}, set(), id="all fail"),
        pytest.param({"n1": Fault(delay_s=0.1), "n2": Fault(delay_s=0.1)}, {"n1", "n2", "n3"}, id="slow nodes"),
    ],
)
def test_a_failed_scrape_is_published_with_its_error(
    cluster: SimulatedCluster, rounds: Rounds, faults: dict[str, Fault], answered: set[str]
) -> None:
    for name, fault in faults.items():
        cluster.kubelets[name].fault = fault
    assert rounds.run({"n1": 1, "n2": 2, "n3": 3}, within_s=0.7) == len(answered)
    assert {name for name, error in rounds.errors.items() if error is None} == answered
    failed = [record for _, record in rounds.records if record.node not in answered]
    assert {record.node for record in failed} == set(NODES) - answered
    assert all(record.document is None and record.error for record in failed)


def test_failed_nodes_come_last_in_the_next_round(cluster: SimulatedCluster, rounds: Rounds) -> None:
    cluster.kubelets["n2"].fault = Fault(status=500)
    rounds.run({"n1": 1, "n2": 2, "n3": 3})
    assert [name for _, name in rounds.delays()][-1] == "n2"


def test_requests_are_spread_by_default_over_12_ms_per_node(rounds: Rounds) -> None:
    delays = rounds.delays()
    assert [delay_s for delay_s, _ in delays] == pytest.approx(sorted(spread_position(name) * 0.036 for name in NODES))
    assert delays == rounds.delays()


def test_requests_are_spread_over_the_configured_time(cluster: SimulatedCluster, stopped: threading.Event) -> None:
    rounds = Rounds(cluster, stopped, spread_ns=30 * SECOND)
    assert [delay_s for delay_s, _ in rounds.delays()] == pytest.approx(
        sorted(spread_position(name) * 30 for name in NODES)
    )
    assert [delay_s for delay_s, _ in rounds.delays(8)] == pytest.approx(
        sorted(spread_position(name) * 5 for name in NODES)
    )
    rounds.close()


def test_more_nodes_than_threads(
    cluster: SimulatedCluster, stopped: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_module, "MAX_CONCURRENT_SCRAPES", 1)
    rounds = Rounds(cluster, stopped)
    cluster.kubelets["n1"].fault = Fault(hang=True)
    rounds.run({"n1": 1, "n2": 2, "n3": 3}, within_s=0.3)
    assert rounds.errors.keys() == set(NODES)
    others = [rounds.errors[name] for name in ("n2", "n3")]  # scraped before n1, or not at all
    assert all(error is None or "not requested: the scrape round ended" in error for error in others)
    rounds.close()


def test_nodes_of_a_lost_partition_are_not_requested(cluster: SimulatedCluster, rounds: Rounds) -> None:
    rounds.loses = lambda partition: partition == 2
    assert rounds.run({"n1": 1, "n2": 2}) == 1
    assert rounds.errors == {"n1": None}
    assert cluster.kubelets["n2"].requests == 0


def test_a_response_is_dropped_if_its_partition_was_lost_during_the_request(
    cluster: SimulatedCluster, rounds: Rounds
) -> None:
    rounds.loses = lambda partition: partition == 2 and cluster.kubelets["n2"].requests > 0
    assert rounds.run({"n1": 1, "n2": 2}) == 1
    assert cluster.kubelets["n2"].requests == 1
    assert rounds.errors == {"n1": None}


def test_a_stop_signal_ends_a_round_soon_and_publishes_no_failure(
    cluster: SimulatedCluster, rounds: Rounds, stopped: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_module, "SHUTDOWN_GRACE_S", 0.1)
    cluster.kubelets["n1"].fault = Fault(hang=True)
    running = threading.Thread(target=rounds.run, args=({"n1": 1}, 60))
    running.start()
    while not cluster.kubelets["n1"].requests:
        assert running.is_alive()
    stopped.set()
    running.join(10)
    assert not running.is_alive()
    assert rounds.records == []


def test_each_node_is_scraped_at_its_time_in_the_round(cluster: SimulatedCluster) -> None:
    stopped = RecordedWaits()
    rounds = Rounds(cluster, stopped, spread_ns=3600 * SECOND)
    assert rounds.run({"n1": 1, "n2": 2, "n3": 3}, within_s=7200) == 3
    assert stopped.seconds == pytest.approx([delay_s for delay_s, _ in rounds.delays(7200)], abs=60)
    rounds.close()


def test_after_a_stop_signal_remaining_nodes_are_scraped_at_once(
    cluster: SimulatedCluster, stopped: threading.Event
) -> None:
    rounds = Rounds(cluster, stopped, spread_ns=3600 * SECOND)
    stopped.set()
    assert rounds.run({"n1": 1, "n2": 2, "n3": 3}, within_s=7200) == 3
    rounds.close()


def test_nodes_missed_because_of_a_stop_signal_are_logged(
    cluster: SimulatedCluster, rounds: Rounds, stopped: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    stopped.set()
    cluster.kubelets["n2"].fault = Fault(status=500)
    assert rounds.run({"n1": 1, "n2": 2, "n3": 3}) == 2
    assert rounds.errors == {"n1": None, "n3": None}
    logged = [vars(record) for record in caplog.records if "these nodes miss this window" in record.getMessage()]
    assert [(each["nodes"], each["first"]) for each in logged] == [(1, "n2")]


def test_a_scrape_ends_at_the_scrape_timeout(
    cluster: SimulatedCluster, rounds: Rounds, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(round_module, "SCRAPE_TIMEOUT_S", 0.2)
    cluster.kubelets["n2"].fault = Fault(hang=True)
    assert rounds.run({"n2": 2}, within_s=60) == 0
    assert "no complete answer within 0.2 s" in str(rounds.errors["n2"])


def test_failures_and_clock_differences_are_logged_once(
    cluster: SimulatedCluster, rounds: Rounds, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for n1, n2 in (
            (Fault(status=500), Fault(clock_offset_s=90)),
            (Fault(status=500), Fault(clock_offset_s=91)),
            (HEALTHY, HEALTHY),
        ):
            cluster.kubelets["n1"].fault, cluster.kubelets["n2"].fault = n1, n2
            rounds.run({"n1": 1, "n2": 2})
    logged = [(record.getMessage(), vars(record)["node"]) for record in caplog.records]
    assert logged == [
        ("scrape failed", "n1"),
        ("clocks differ: set them by NTP", "n2"),
        ("the kubelet answers again", "n1"),
        ("clocks agree again", "n2"),
    ]
    assert "HTTP 500" in vars(caplog.records[0])["reason"]
    assert vars(caplog.records[1])["reason"].startswith("kubelet clock +")


def test_a_round_updates_the_metrics(cluster: SimulatedCluster, rounds: Rounds) -> None:
    def count(outcome: str) -> float:
        return REGISTRY.get_sample_value("heapster_scraper_scrapes_total", {"outcome": outcome}) or 0.0

    answered, failed = count("answered"), count("failed")
    cluster.kubelets["n1"].fault = Fault(status=500)
    cluster.kubelets["n2"].fault = Fault(clock_offset_s=3600)
    rounds.run({"n1": 1, "n2": 2, "n3": 3})
    assert (count("answered") - answered, count("failed") - failed) == (2, 1)
    assert REGISTRY.get_sample_value("heapster_scraper_nodes") == 3
    offset_s = REGISTRY.get_sample_value("heapster_scraper_clock_offset_seconds", {"node": "n2"})
    assert offset_s == pytest.approx(3600, abs=2)
    assert REGISTRY.get_sample_value("heapster_scraper_clock_offset_seconds", {"node": "n1"}) is None


@pytest.mark.parametrize(
    ("options", "answered"),
    [
        pytest.param("&nodeStatusPort=true", 2, id="nodeStatusPort=true: kubeletPort for nodes without one"),
        pytest.param("", 3, id="by default: kubeletPort"),
    ],
)
def test_the_kubelet_port_of_the_node_status(
    cluster: SimulatedCluster, stopped: threading.Event, options: str, answered: int
) -> None:
    rounds = Rounds(cluster, stopped, options)
    ports = {"n1": 9, "n2": cluster.kubelet_port}
    assert rounds.run({"n1": 1, "n2": 2, "n3": 3}, ports=ports) == answered
    rounds.close()


def test_documents_are_freed_before_the_round_ends(rounds: Rounds, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Outcome] = []
    monkeypatch.setattr(RoundRunner, "_report", lambda _, outcomes: held.extend(outcomes.values()))
    assert rounds.run(dict.fromkeys(NODES, 0)) == 3
    assert {scrape.document for _, scrape in rounds.records} == {DOCUMENT}
    assert [(outcome.error, outcome.document) for outcome in held] == [(None, None)] * 3


def api_pod(name: str, node: str, **metadata: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "web:1", "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}}}]
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "labels": {"app": "web"}, **metadata},
        "spec": {"nodeName": node, "containers": containers},
        "status": {"phase": "Running", "containerStatuses": [{"name": "c", "restartCount": 2}]},
    }


def test_pods_from_the_kubelet_equal_pods_from_the_api(cluster: SimulatedCluster, stopped: threading.Event) -> None:
    owner = [{"kind": "StatefulSet", "name": "web", "controller": True}]
    pods = [api_pod("web", "n1", ownerReferences=owner), api_pod("other", "n2")]
    cast("FixedWorld", cluster.world).show(pods=pods)
    rounds = Rounds(cluster, stopped, "&podSource=kubelet")
    assert rounds.run({"n1": 1}) == 1
    ((_, record),) = rounds.records
    assert record.pods == (pod_of(pods[0]),)
    assert [(namespace.name, namespace.uid, namespace.nodes) for namespace in record.namespaces] == [("shop", "ns", 1)]
    assert [(workload.kind, workload.name) for workload in record.workloads] == [("StatefulSet", "web")]
    rounds.close()


@pytest.mark.parametrize("status", [403, 500])
def test_a_scrape_fails_if_the_pods_of_the_kubelet_cannot_be_read(
    cluster: SimulatedCluster, stopped: threading.Event, status: int
) -> None:
    cluster.kubelets["n1"].fault = Fault(pods_status=status)
    rounds = Rounds(cluster, stopped, "&podSource=kubelet")
    assert rounds.run({"n1": 1, "n2": 2}) == 1
    error = rounds.errors["n1"] or ""
    assert f"/pods: HTTP {status}" in error
    rounds.close()
