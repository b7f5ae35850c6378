"""Rounds with `cadvisor=true`: the added lines, and failures that leave the Summary untouched."""

import logging
import threading
from collections.abc import Iterator

import pytest
from prometheus_client import REGISTRY

from schemas.node_scrape import NodeScrape, decode_scrape, encode_scrape
from scraper.cluster.snapshot import Snapshot
from scraper.config import SourceConfig
from scraper.kubelet.client import KubeletClient, ScrapeError
from scraper.kubelet.deadline import Deadline
from scraper.rounds.record import Outcome, Round
from scraper.rounds.round import RoundRunner
from simulator.faults import HEALTHY, Fault
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.sources import node, source

SECOND = 1_000_000_000
SUMMARY = b'{"node":{"nodeName":"n1"}}'
USED = b'container_memory_cache{container="",id="/",pod=""} 4096 1762283730000'
METRICS = b"# TYPE container_memory_cache gauge\n" + USED + b'\ncontainer_memory_rss{id="/"} 1\n'
ADDRESSES = {"n1": "127.0.6.1", "n2": "127.0.6.2"}


@pytest.fixture
def world() -> FixedWorld:
    world = FixedWorld()
    world.show(summaries=dict.fromkeys(ADDRESSES, SUMMARY), cadvisor=dict.fromkeys(ADDRESSES, METRICS))
    return world


@pytest.fixture
def cluster(world: FixedWorld) -> Iterator[SimulatedCluster]:
    with SimulatedCluster.fixed(world, addresses=ADDRESSES) as running:
        yield running


class Rounds:
    """Runs rounds over both nodes and keeps their records by node."""

    def __init__(self, cluster: SimulatedCluster, options: str = "&cadvisor=true") -> None:
        config = source(cluster.api_url, f"&kubeletPort={cluster.kubelet_port}{options}")
        self._runner = RoundRunner(config, self._keep, lambda _: False, threading.Event())
        self.records: dict[str, NodeScrape] = {}

    def _keep(self, scrape: NodeScrape, _: int) -> None:
        self.records[scrape.node] = decode_scrape(encode_scrape(scrape))

    def run(self, within_s: float = 10) -> int:
        nodes = [node(address, None, name) for name, address in ADDRESSES.items()]
        this = Round(cluster="c", resolution_ns=60 * SECOND, window_end_ns=0, snapshot=Snapshot.of(nodes, [], []))
        return self._runner.run(this, dict.fromkeys(ADDRESSES, 0), Deadline(within_s))


def count(outcome: str) -> float:
    return REGISTRY.get_sample_value("heapster_scraper_cadvisor_total", {"outcome": outcome}) or 0.0


def test_a_record_holds_the_used_lines(cluster: SimulatedCluster) -> None:
    rounds = Rounds(cluster)
    assert rounds.run() == 2
    found = rounds.records["n1"]
    assert (found.document, found.cadvisor, found.cadvisor_error) == (SUMMARY, USED, None)


def test_cadvisor_metrics_are_not_requested_by_default(cluster: SimulatedCluster) -> None:
    rounds = Rounds(cluster, "")
    rounds.run()
    assert (rounds.records["n1"].cadvisor, rounds.records["n1"].cadvisor_error) == (None, None)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(
            Fault(cadvisor_status=403),
            "HTTP 403: access denied, the scraper needs the RBAC verb get on nodes/metrics",
            id="403",
        ),
        pytest.param(Fault(cadvisor_status=500), "HTTP 500: kubelet of n2: HTTP 500", id="500"),
        pytest.param(Fault(cadvisor_hang=True), "no complete answer within", id="hang"),
    ],
)
def test_a_cadvisor_failure_keeps_the_summary(cluster: SimulatedCluster, fault: Fault, reason: str) -> None:
    cluster.kubelets["n2"].fault = fault
    rounds = Rounds(cluster)
    answered, failed = count("answered"), count("failed")
    assert rounds.run(within_s=0.7) == 2
    found = rounds.records["n2"]
    assert (found.document, found.error, found.cadvisor) == (SUMMARY, None, None)
    assert found.cadvisor_error is not None
    endpoint = cluster.endpoints["n2"]
    assert found.cadvisor_error.startswith(f"http://{endpoint.address}:{endpoint.port}/metrics/cadvisor: {reason}")
    assert rounds.records["n1"].cadvisor == USED
    assert (count("answered") - answered, count("failed") - failed) == (1, 1)


def test_a_response_in_another_format_is_a_failure(cluster: SimulatedCluster, world: FixedWorld) -> None:
    world.show(cadvisor={"n1": b"<html>login</html>", "n2": METRICS})
    rounds = Rounds(cluster)
    rounds.run()
    error = rounds.records["n1"].cadvisor_error
    assert error is not None
    assert error.endswith("invalid response: not in Prometheus' text format: <html>login</html>")


def test_lines_that_exceed_the_space_beside_the_summary_are_an_error(cluster: SimulatedCluster) -> None:
    config: SourceConfig = source(cluster.api_url, f"&kubeletPort={cluster.kubelet_port}")
    kubelets = KubeletClient(config.login, config.kubelets)
    n1 = node(ADDRESSES["n1"], None)
    assert kubelets.cadvisor(n1, Deadline(10), len(USED)) == USED
    with pytest.raises(ScrapeError, match=f"{len(USED)} bytes to keep, but the Summary leaves only {len(USED) - 1} "):
        kubelets.cadvisor(n1, Deadline(10), len(USED) - 1)


def test_cadvisor_metrics_are_not_requested_after_a_failed_summary(cluster: SimulatedCluster) -> None:
    cluster.kubelets["n1"].fault = Fault(status=500)
    rounds = Rounds(cluster)
    assert rounds.run() == 1
    found = rounds.records["n1"]
    assert (found.cadvisor, found.cadvisor_error) == (None, None)


def test_a_failure_is_logged_once(cluster: SimulatedCluster, caplog: pytest.LogCaptureFixture) -> None:
    rounds = Rounds(cluster)
    with caplog.at_level(logging.INFO):
        for fault in (Fault(cadvisor_status=500), Fault(cadvisor_status=500), HEALTHY):
            cluster.kubelets["n1"].fault = fault
            rounds.run()
    assert [(record.levelname, record.getMessage(), vars(record)["node"]) for record in caplog.records] == [
        ("WARNING", "cAdvisor metrics are missing: no memory/cache, cpu/load and disk IO of this node", "n1"),
        ("INFO", "cAdvisor metrics are available again", "n1"),
    ]
    assert "HTTP 500" in vars(caplog.records[0])["reason"]


def test_lines_are_freed_before_the_round_ends(cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Outcome] = []
    monkeypatch.setattr(RoundRunner, "_report", lambda _, outcomes: held.extend(outcomes.values()))
    Rounds(cluster).run()
    assert [outcome.cadvisor for outcome in held] == [None, None]
