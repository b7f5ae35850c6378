import logging
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY

from schemas.node_scrape import ApiPod, NodeScrape, decode_scrape, encode_scrape
from scraper.cluster.objects import ClusterNamespace, ClusterNode, pod_of
from scraper.cluster.snapshot import Snapshot
from scraper.config import SourceConfig
from scraper.kubelet.deadline import Deadline
from scraper.rounds import round as rounds
from scraper.rounds.record import Outcome, Round
from scraper.rounds.round import ScrapeRound
from scraper.rounds.schedule import place
from simulator.faults import HEALTHY, MALFORMED, Fault
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.waiting import NotedWaits

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


class Scrapes:
    """A scraping whose records are kept here."""

    def __init__(
        self, cluster: SimulatedCluster, stopped: threading.Event, options: str = "", *, spread_ns: int | None = None
    ) -> None:
        self.records: list[tuple[int, NodeScrape]] = []
        self.lost: set[int] = set()
        source = f"kubernetes:{cluster.api_url}?inClusterConfig=false&kubeletPort={cluster.kubelet_port}{options}"
        self._addresses = cluster.addresses
        self._scraping = ScrapeRound(
            SourceConfig.parse((source,)), self._keep, lambda partition: partition in self.lost, stopped, spread_ns
        )

    def _keep(self, scrape: NodeScrape, partition: int) -> None:
        self.records.append((partition, decode_scrape(encode_scrape(scrape))))

    def run(
        self, partitions: Mapping[str, int], within_s: float = 10, *, ports: Mapping[str, int] | None = None
    ) -> int:
        return self._scraping.run(self.round(ports or {}), partitions, Deadline(within_s))

    def starts(self, left_s: float = 60) -> list[tuple[float, str]]:
        """When each node is asked, in seconds, if so much is left of the round."""
        return list(self._scraping._starts(dict.fromkeys(NODES, 0), self.round({}), left_s))

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
        self._scraping.close()

    @property
    def errors(self) -> dict[str, str | None]:
        return {scrape.node: scrape.error for _, scrape in self.records}


@pytest.fixture
def scrapes(cluster: SimulatedCluster, stopped: threading.Event) -> Iterator[Scrapes]:
    found = Scrapes(cluster, stopped)
    yield found
    found.close()


def test_a_record_is_complete_in_itself(scrapes: Scrapes) -> None:
    assert scrapes.run({"n1": 4}) == 1
    ((partition, record),) = scrapes.records
    assert partition == 4
    assert (record.key, record.window_end_ns, record.resolution_ns) == ("c/n1", WINDOW_END, 60 * SECOND)
    assert (record.document, record.error) == (DOCUMENT, None)
    assert (record.uid, record.hostname, record.address, record.cluster_nodes) == ("uid-n1", "host-n1", "127.0.5.1", 3)
    assert [pod.name for pod in record.pods] == ["web"]
    assert [(namespace.name, namespace.nodes) for namespace in record.namespaces] == [("shop", 1)]
    assert record.duration_ns > 0
    assert abs(record.scraped_at_ns - time.time_ns()) < 60 * SECOND
    assert record.clock_offset_ns is not None


def test_each_node_is_asked_once_into_its_partition(cluster: SimulatedCluster, scrapes: Scrapes) -> None:
    assert scrapes.run({"n1": 4, "n3": 7}) == 2
    assert sorted((partition, record.node) for partition, record in scrapes.records) == [(4, "n1"), (7, "n3")]
    assert [cluster.kubelets[name].requests for name in NODES] == [1, 0, 1]


def test_no_nodes_make_an_empty_round(scrapes: Scrapes) -> None:
    assert scrapes.run({}) == 0
    assert scrapes.records == []


@pytest.mark.parametrize(
    ("faults", "answered"),
    [
        pytest.param({"n2": Fault(hang=True)}, {"n1", "n3"}, id="one hangs"),
        pytest.param({"n1": Fault(status=500), "n2": MALFORMED, "n3": Fault(cut=True)}, set(), id="none is well"),
        pytest.param({"n1": Fault(delay_s=0.1), "n2": Fault(delay_s=0.1)}, {"n1", "n2", "n3"}, id="slow ones"),
    ],
)
def test_a_failed_scrape_is_a_record_too(
    cluster: SimulatedCluster, scrapes: Scrapes, faults: dict[str, Fault], answered: set[str]
) -> None:
    for name, fault in faults.items():
        cluster.kubelets[name].fault = fault
    assert scrapes.run({"n1": 1, "n2": 2, "n3": 3}, within_s=0.7) == len(answered)
    assert {name for name, error in scrapes.errors.items() if error is None} == answered
    failed = [record for _, record in scrapes.records if record.node not in answered]
    assert {record.node for record in failed} == set(NODES) - answered
    assert all(record.document is None and record.error for record in failed)


def test_those_that_failed_are_asked_last_the_next_time(cluster: SimulatedCluster, scrapes: Scrapes) -> None:
    cluster.kubelets["n2"].fault = Fault(status=500)
    scrapes.run({"n1": 1, "n2": 2, "n3": 3})
    assert [name for _, name in scrapes.starts()][-1] == "n2"


def test_each_node_has_its_moment_within_12_ms_a_node_of_the_cluster(scrapes: Scrapes) -> None:
    starts = scrapes.starts()
    assert [delay_s for delay_s, _ in starts] == pytest.approx(sorted(place(name) * 0.036 for name in NODES))
    assert starts == scrapes.starts()


def test_requests_are_spread_over_as_long_as_asked_for(cluster: SimulatedCluster, stopped: threading.Event) -> None:
    scrapes = Scrapes(cluster, stopped, spread_ns=30 * SECOND)
    assert [delay_s for delay_s, _ in scrapes.starts()] == pytest.approx(sorted(place(name) * 30 for name in NODES))
    assert [delay_s for delay_s, _ in scrapes.starts(8)] == pytest.approx(sorted(place(name) * 5 for name in NODES))
    scrapes.close()


def test_more_nodes_than_threads(
    cluster: SimulatedCluster, stopped: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "MOST_AT_ONCE", 1)
    scrapes = Scrapes(cluster, stopped)
    cluster.kubelets["n1"].fault = Fault(hang=True)
    scrapes.run({"n1": 1, "n2": 2, "n3": 3}, within_s=0.3)
    assert scrapes.errors.keys() == set(NODES)
    others = [scrapes.errors[name] for name in ("n2", "n3")]  # asked before n1, or not any more
    assert all(error is None or "not asked: the round was over" in error for error in others)
    scrapes.close()


def test_a_partition_that_was_taken_away_is_left_alone(cluster: SimulatedCluster, scrapes: Scrapes) -> None:
    scrapes.lost = {2}
    assert scrapes.run({"n1": 1, "n2": 2}) == 1
    assert scrapes.errors == {"n1": None}
    assert cluster.kubelets["n2"].requests == 0


def test_the_wish_to_stop_ends_a_round_soon_and_reports_no_failure(
    cluster: SimulatedCluster, scrapes: Scrapes, stopped: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "STOPPING_S", 0.1)
    cluster.kubelets["n1"].fault = Fault(hang=True)
    running = threading.Thread(target=scrapes.run, args=({"n1": 1}, 60))
    running.start()
    while not cluster.kubelets["n1"].requests:
        assert running.is_alive()
    stopped.set()
    running.join(10)
    assert not running.is_alive()
    assert scrapes.records == []


def test_a_round_waits_until_each_node_s_moment(cluster: SimulatedCluster) -> None:
    pauses = NotedWaits()
    scrapes = Scrapes(cluster, pauses, spread_ns=3600 * SECOND)
    assert scrapes.run({"n1": 1, "n2": 2, "n3": 3}, within_s=7200) == 3
    assert pauses.seconds == pytest.approx([delay_s for delay_s, _ in scrapes.starts(7200)], abs=60)
    scrapes.close()


def test_after_the_wish_to_stop_the_rest_is_asked_at_once(cluster: SimulatedCluster, stopped: threading.Event) -> None:
    scrapes = Scrapes(cluster, stopped, spread_ns=3600 * SECOND)
    stopped.set()
    assert scrapes.run({"n1": 1, "n2": 2, "n3": 3}, within_s=7200) == 3
    scrapes.close()


def test_nodes_that_the_wish_to_stop_leaves_out_are_told(
    cluster: SimulatedCluster, scrapes: Scrapes, stopped: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    stopped.set()
    cluster.kubelets["n2"].fault = Fault(status=500)
    assert scrapes.run({"n1": 1, "n2": 2, "n3": 3}) == 2
    assert scrapes.errors == {"n1": None, "n3": None}
    told = [vars(record) for record in caplog.records if "they miss this window" in record.getMessage()]
    assert [(each["nodes"], each["first"]) for each in told] == [(1, "n2")]


def test_a_kubelet_is_waited_for_no_longer_than_an_answer_may_take(
    cluster: SimulatedCluster, scrapes: Scrapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rounds, "LONGEST_ANSWER_S", 0.2)
    cluster.kubelets["n2"].fault = Fault(hang=True)
    assert scrapes.run({"n2": 2}, within_s=60) == 0
    assert "no complete answer within 0.2 s" in str(scrapes.errors["n2"])


def test_failures_and_clocks_are_told_once(
    cluster: SimulatedCluster, scrapes: Scrapes, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        for n1, n2 in (
            (Fault(status=500), Fault(clock_offset_s=90)),
            (Fault(status=500), Fault(clock_offset_s=91)),
            (HEALTHY, HEALTHY),
        ):
            cluster.kubelets["n1"].fault, cluster.kubelets["n2"].fault = n1, n2
            scrapes.run({"n1": 1, "n2": 2})
    told = [(record.getMessage(), vars(record)["node"]) for record in caplog.records]
    assert told == [
        ("scrape failed", "n1"),
        ("clocks differ: set them by NTP", "n2"),
        ("the kubelet answers again", "n1"),
        ("clocks agree again", "n2"),
    ]
    assert "HTTP 500" in vars(caplog.records[0])["reason"]
    assert vars(caplog.records[1])["reason"].startswith("the kubelet's is +")


def test_a_round_is_counted(cluster: SimulatedCluster, scrapes: Scrapes) -> None:
    def count(outcome: str) -> float:
        return REGISTRY.get_sample_value("heapster_scraper_scrapes_total", {"outcome": outcome}) or 0.0

    answered, failed = count("answered"), count("failed")
    cluster.kubelets["n1"].fault = Fault(status=500)
    cluster.kubelets["n2"].fault = Fault(clock_offset_s=3600)
    scrapes.run({"n1": 1, "n2": 2, "n3": 3})
    assert (count("answered") - answered, count("failed") - failed) == (2, 1)
    assert REGISTRY.get_sample_value("heapster_scraper_nodes") == 3
    offset_s = REGISTRY.get_sample_value("heapster_scraper_clock_offset_seconds", {"node": "n2"})
    assert offset_s == pytest.approx(3600, abs=2)
    assert REGISTRY.get_sample_value("heapster_scraper_clock_offset_seconds", {"node": "n1"}) is None


@pytest.mark.parametrize(
    ("options", "answered"),
    [
        pytest.param("&nodeStatusPort=true", 2, id="asked for: where a node has none, kubeletPort"),
        pytest.param("", 3, id="not asked for: kubeletPort"),
    ],
)
def test_the_port_that_the_node_s_status_gives(
    cluster: SimulatedCluster, stopped: threading.Event, options: str, answered: int
) -> None:
    scrapes = Scrapes(cluster, stopped, options)
    ports = {"n1": 9, "n2": cluster.kubelet_port}
    assert scrapes.run({"n1": 1, "n2": 2, "n3": 3}, ports=ports) == answered
    scrapes.close()


def test_documents_do_not_stay_until_the_round_ends(scrapes: Scrapes, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Outcome] = []
    monkeypatch.setattr(rounds.telemetry, "note_round", lambda outcomes, _: held.extend(outcomes))
    assert scrapes.run(dict.fromkeys(NODES, 0)) == 3
    assert {scrape.document for _, scrape in scrapes.records} == {DOCUMENT}
    assert [(outcome.error, outcome.document) for outcome in held] == [(None, None)] * 3


def api_pod(name: str, node: str, **metadata: Any) -> dict[str, Any]:
    containers = [{"name": "c", "image": "web:1", "resources": {"requests": {"cpu": "100m"}, "limits": {"cpu": "1"}}}]
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "labels": {"app": "web"}, **metadata},
        "spec": {"nodeName": node, "containers": containers},
        "status": {"phase": "Running", "containerStatuses": [{"name": "c", "restartCount": 2}]},
    }


def test_pods_of_the_kubelet_are_as_the_apis(cluster: SimulatedCluster, stopped: threading.Event) -> None:
    owner = [{"kind": "StatefulSet", "name": "web", "controller": True}]
    pods = [api_pod("web", "n1", ownerReferences=owner), api_pod("other", "n2")]
    cast("FixedWorld", cluster.world).show(pods=pods)
    scrapes = Scrapes(cluster, stopped, "&podSource=kubelet")
    assert scrapes.run({"n1": 1}) == 1
    ((_, record),) = scrapes.records
    assert record.pods == (pod_of(pods[0]),)
    assert [(namespace.name, namespace.uid, namespace.nodes) for namespace in record.namespaces] == [("shop", "ns", 1)]
    assert [(workload.kind, workload.name) for workload in record.workloads] == [("StatefulSet", "web")]
    scrapes.close()


@pytest.mark.parametrize("status", [403, 500])
def test_a_node_whose_pods_cannot_be_had_has_failed(
    cluster: SimulatedCluster, stopped: threading.Event, status: int
) -> None:
    cluster.kubelets["n1"].fault = Fault(pods_status=status)
    scrapes = Scrapes(cluster, stopped, "&podSource=kubelet")
    assert scrapes.run({"n1": 1, "n2": 2}) == 1
    error = scrapes.errors["n1"] or ""
    assert f"/pods: HTTP {status}" in error
    scrapes.close()
