"""Rounds that read cadvisor's metrics too: what they add, and that they cost a Summary nothing."""

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
from scraper.rounds import round as rounds
from scraper.rounds.record import Outcome, Round
from scraper.rounds.round import ScrapeRound
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


class Scrapes:
    """Rounds over both nodes; their records by node."""

    def __init__(self, cluster: SimulatedCluster, options: str = "&cadvisor=true") -> None:
        config = source(cluster.api_url, f"&kubeletPort={cluster.kubelet_port}{options}")
        self._scraping = ScrapeRound(config, self._keep, lambda _: False, threading.Event())
        self.records: dict[str, NodeScrape] = {}

    def _keep(self, scrape: NodeScrape, _: int) -> None:
        self.records[scrape.node] = decode_scrape(encode_scrape(scrape))

    def run(self, within_s: float = 10) -> int:
        nodes = [node(address, None, name) for name, address in ADDRESSES.items()]
        this = Round(cluster="c", resolution_ns=60 * SECOND, window_end_ns=0, snapshot=Snapshot.of(nodes, [], []))
        return self._scraping.run(this, dict.fromkeys(ADDRESSES, 0), Deadline(within_s))


def count(outcome: str) -> float:
    return REGISTRY.get_sample_value("heapster_scraper_cadvisor_total", {"outcome": outcome}) or 0.0


def test_the_lines_that_are_used_are_in_the_record(cluster: SimulatedCluster) -> None:
    scrapes = Scrapes(cluster)
    assert scrapes.run() == 2
    found = scrapes.records["n1"]
    assert (found.document, found.cadvisor, found.cadvisor_error) == (SUMMARY, USED, None)


def test_cadvisor_is_not_asked_unless_wanted(cluster: SimulatedCluster) -> None:
    scrapes = Scrapes(cluster, "")
    scrapes.run()
    assert (scrapes.records["n1"].cadvisor, scrapes.records["n1"].cadvisor_error) == (None, None)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        pytest.param(
            Fault(cadvisor_status=403),
            "HTTP 403: the scraper is not let in, it needs the right to get nodes/metrics",
            id="403",
        ),
        pytest.param(Fault(cadvisor_status=500), "HTTP 500: kubelet of n2: HTTP 500", id="500"),
        pytest.param(Fault(cadvisor_hang=True), "no complete answer within", id="it hangs"),
    ],
)
def test_without_cadvisor_the_summary_flows_all_the_same(cluster: SimulatedCluster, fault: Fault, reason: str) -> None:
    cluster.kubelets["n2"].fault = fault
    scrapes = Scrapes(cluster)
    answered, failed = count("answered"), count("failed")
    assert scrapes.run(within_s=0.7) == 2
    found = scrapes.records["n2"]
    assert (found.document, found.error, found.cadvisor) == (SUMMARY, None, None)
    assert found.cadvisor_error is not None
    where = cluster.endpoints["n2"]
    assert found.cadvisor_error.startswith(f"http://{where.address}:{where.port}/metrics/cadvisor: {reason}")
    assert scrapes.records["n1"].cadvisor == USED
    assert (count("answered") - answered, count("failed") - failed) == (1, 1)


def test_an_answer_that_is_no_metrics_is_a_failure(cluster: SimulatedCluster, world: FixedWorld) -> None:
    world.show(cadvisor={"n1": b"<html>login</html>", "n2": METRICS})
    scrapes = Scrapes(cluster)
    scrapes.run()
    error = scrapes.records["n1"].cadvisor_error
    assert error is not None
    assert error.endswith("metrics in Prometheus' text format are expected: <html>login</html>")


def test_lines_that_have_no_room_beside_the_summary_are_left_out(cluster: SimulatedCluster) -> None:
    config: SourceConfig = source(cluster.api_url, f"&kubeletPort={cluster.kubelet_port}")
    kubelets = KubeletClient(config.login, config.kubelets)
    n1 = node(ADDRESSES["n1"], None)
    assert kubelets.cadvisor(n1, Deadline(10), len(USED)) == USED
    with pytest.raises(ScrapeError, match=f"{len(USED)} bytes of it are used, {len(USED) - 1} can be kept"):
        kubelets.cadvisor(n1, Deadline(10), len(USED) - 1)


def test_a_kubelet_that_does_not_answer_is_not_asked_twice(cluster: SimulatedCluster) -> None:
    cluster.kubelets["n1"].fault = Fault(status=500)
    scrapes = Scrapes(cluster)
    assert scrapes.run() == 1
    found = scrapes.records["n1"]
    assert (found.cadvisor, found.cadvisor_error) == (None, None)


def test_it_is_told_once(cluster: SimulatedCluster, caplog: pytest.LogCaptureFixture) -> None:
    scrapes = Scrapes(cluster)
    with caplog.at_level(logging.INFO):
        for fault in (Fault(cadvisor_status=500), Fault(cadvisor_status=500), HEALTHY):
            cluster.kubelets["n1"].fault = fault
            scrapes.run()
    assert [(record.levelname, record.getMessage(), vars(record)["node"]) for record in caplog.records] == [
        ("WARNING", "cadvisor's metrics are missing: no memory/cache, cpu/load and disk IO of this node", "n1"),
        ("INFO", "cadvisor's metrics are there again", "n1"),
    ]
    assert "HTTP 500" in vars(caplog.records[0])["reason"]


def test_lines_do_not_stay_until_the_round_ends(cluster: SimulatedCluster, monkeypatch: pytest.MonkeyPatch) -> None:
    held: list[Outcome] = []
    monkeypatch.setattr(rounds.telemetry, "note_round", lambda outcomes, _: held.extend(outcomes))
    Scrapes(cluster).run()
    assert [outcome.cadvisor for outcome in held] == [None, None]
