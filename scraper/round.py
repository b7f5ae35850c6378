"""One scraping round: every node that is mine, once, side by side; over when all have answered or failed."""

import logging
import random
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Final

from runtime.duration import NS_PER_S
from schemas.node_scrape import NodeScrape
from scraper import telemetry
from scraper.cluster import Snapshot
from scraper.config import SourceConfig
from scraper.kubelet import Answer, KubeletClient, ScrapeError
from scraper.objects import ClusterNode
from scraper.publish import Publisher
from scraper.schedule import Window, longest_jitter_ms, longest_round_ns

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 64
CLOCK_LIMIT_NS: Final = 5 * NS_PER_S
"""Clocks that differ by more are warned about: uptimes are off by as much."""


@dataclass(frozen=True, slots=True)
class Clocks:
    """Whose clocks were off when last looked, so that each is warned about once."""

    off: set[str]

    def check(self, node: str, offset_ns: int) -> None:
        """Publish a kubelet's clock offset, warn when it passes the limit and when it is back."""
        telemetry.clock_offset.labels(node).set(offset_ns / NS_PER_S)
        if abs(offset_ns) > CLOCK_LIMIT_NS and node not in self.off:
            self.off.add(node)
            log.warning(
                "clocks differ: set one of them, uptimes are wrong by as much",
                extra={"node": node, "kubelet_ahead_s": round(offset_ns / NS_PER_S, 1)},
            )
        elif abs(offset_ns) <= CLOCK_LIMIT_NS and node in self.off:
            self.off.remove(node)
            log.info("clocks agree again", extra={"node": node})


class Rounds:
    """Scrapes nodes into records."""

    def __init__(
        self,
        *,
        cluster: str,
        resolution_ns: int,
        source: SourceConfig,
        publisher: Publisher,
        stopped: threading.Event,
    ) -> None:
        """A pool of threads of its own."""
        self._cluster = cluster
        self._resolution_ns = resolution_ns
        self._source = source
        self._publisher = publisher
        self._stopped = stopped
        self._kubelets = KubeletClient(source.api, https=source.kubelet_https)
        self._clocks = Clocks(set())
        self._failing: set[str] = set()
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="scrape")

    def run(self, window: Window, snapshot: Snapshot, partitions: Mapping[str, int]) -> int:
        """Scrape the nodes of `partitions`, each into its partition; how many answered."""
        ends_at = time.monotonic() + longest_round_ns(self._resolution_ns) / NS_PER_S
        jitter_ms = longest_jitter_ms(len(partitions), self._resolution_ns)
        telemetry.nodes.set(len(partitions))
        scrapes: list[Future[bool]] = [
            self._pool.submit(self._scrape, window, snapshot, snapshot.nodes[node], partition, jitter_ms, ends_at)
            for node, partition in partitions.items()
        ]
        wait(scrapes)
        return sum(scrape.result() for scrape in scrapes)

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _scrape(
        self,
        window: Window,
        snapshot: Snapshot,
        node: ClusterNode,
        partition: int,
        jitter_ms: int,
        ends_at: float,
    ) -> bool:
        if self._stopped.wait(random.uniform(0, jitter_ms / 1000)):  # noqa: S311 - jitter
            return False
        began = time.monotonic()
        answer, error = self._ask(node, ends_at - began)
        if self._stopped.is_set() and answer is None:
            return False
        elapsed_s = time.monotonic() - began
        telemetry.duration.observe(elapsed_s)
        record = self._record(window, snapshot, node, answer, error, int(elapsed_s * NS_PER_S))
        self._publisher.publish(record, partition)
        return answer is not None

    def _ask(self, node: ClusterNode, timeout_s: float) -> tuple[Answer | None, str | None]:
        try:
            answer = self._kubelets.fetch(node.address or "", self._port(node), timeout_s)
        except ScrapeError as error:
            telemetry.scrapes.labels("failed").inc()
            if node.name not in self._failing:
                self._failing.add(node.name)
                log.warning("scrape failed", extra={"node": node.name, "error": str(error)})
            return None, str(error)
        telemetry.scrapes.labels("answered").inc()
        if node.name in self._failing:
            self._failing.discard(node.name)
            log.info("the kubelet answers again", extra={"node": node.name})
        if answer.clock_offset_ns is not None:
            self._clocks.check(node.name, answer.clock_offset_ns)
        return answer, None

    def _port(self, node: ClusterNode) -> int:
        if self._source.node_status_port and node.kubelet_port is not None:
            return node.kubelet_port
        return self._source.kubelet_port

    def _record(
        self,
        window: Window,
        snapshot: Snapshot,
        node: ClusterNode,
        answer: Answer | None,
        error: str | None,
        duration_ns: int,
    ) -> NodeScrape:
        listed = answer.pods if answer else frozenset()
        pods = snapshot.pods_for(node.name, listed)
        return NodeScrape(
            cluster=self._cluster,
            node=node.name,
            window_end_ns=window.end_ns,
            resolution_ns=self._resolution_ns,
            scraped_at_ns=answer.received_at_ns if answer else time.time_ns(),
            duration_ns=duration_ns,
            clock_offset_ns=answer.clock_offset_ns if answer else None,
            document=answer.document if answer else None,
            error=error,
            cluster_nodes=len(snapshot.nodes),
            hostname=node.hostname,
            host_id=node.host_id,
            address=node.address or "",
            uid=node.uid,
            unschedulable=node.unschedulable,
            labels=node.labels,
            capacity=node.capacity,
            allocatable=node.allocatable,
            pods=pods,
            namespaces=snapshot.namespaces_for(pods, listed),
        )
