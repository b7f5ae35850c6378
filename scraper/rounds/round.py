"""One scrape round: scrape every assigned node once, concurrently; it ends when all have answered or failed."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import replace
from typing import Final

from runtime.duration import NS_PER_S
from schemas.node_scrape import NodeScrape
from scraper import telemetry
from scraper.cluster.objects import ClusterNode
from scraper.config import SourceConfig
from scraper.kubelet.client import MAX_DOCUMENT_BYTES, KubeletClient, ScrapeError
from scraper.kubelet.clock_offset import MAX_OFFSET_NS
from scraper.kubelet.deadline import Deadline
from scraper.log_throttle import LogThrottle
from scraper.rounds.record import Outcome, Round
from scraper.rounds.schedule import default_spread_ns, limited_spread_ns, spread_position

log = logging.getLogger(__name__)

MAX_CONCURRENT_SCRAPES: Final = 128
SCRAPE_TIMEOUT_S: Final = 20.0
"""For one kubelet, however long the round is."""

SHUTDOWN_GRACE_S: Final = 2.0
MAX_SHUTDOWN_GRACE_S: Final = 8.0
"""A round may continue for this long after a stop signal: no other worker scrapes its nodes in this window."""

_SCRAPES_PER_SECOND: Final = 400  # a cautious estimate: a scraper does 500 and more

_CHECK_INTERVAL_S: Final = 0.2


class RoundRunner:
    """Runs scrape rounds; remembers failing kubelets and clock differences, to log only changes."""

    def __init__(
        self,
        source: SourceConfig,
        publish: Callable[[NodeScrape, int], None],
        is_lost: Callable[[int], bool],
        stopped: threading.Event,
        spread_ns: int | None = None,
    ) -> None:
        """`publish` takes a record and its partition, `is_lost` tells whether another worker may have a partition.

        Requests are spread over `spread_ns`; None: a default for the size of the cluster.
        """
        self._publish = publish
        self._is_lost = is_lost
        self._stopped = stopped
        self._spread_ns = spread_ns
        self._kubelets = KubeletClient(source.login, source.kubelets)
        self._reads_cadvisor = source.cadvisor
        self._reads_pods = source.pods_of_kubelets
        self._failing = LogThrottle(log=log, begins="scrape failed", ends="the kubelet answers again")
        self._without_cadvisor = LogThrottle(
            log=log,
            begins="cAdvisor metrics are missing: no memory/cache, cpu/load and disk IO of this node",
            ends="cAdvisor metrics are available again",
        )
        self._clocks = LogThrottle(log=log, begins="clocks differ: set them by NTP", ends="clocks agree again")
        self._pool = ThreadPoolExecutor(MAX_CONCURRENT_SCRAPES, thread_name_prefix="scrape")

    def run(self, this: Round, partitions: Mapping[str, int], deadline: Deadline) -> int:
        """Scrape these nodes, given with their partitions; the number of nodes that answered."""
        telemetry.nodes.set(len(partitions))
        began = time.monotonic()
        scrapes: dict[str, Future[Outcome | None]] = {}
        for delay_s, name in self._delays(partitions, this, deadline.left_s()):
            self._stopped.wait(max(0.0, began + delay_s - time.monotonic()))
            scrapes[name] = self._pool.submit(self._scrape, this, name, partitions[name], deadline)
        self._wait_for(scrapes, deadline)
        outcomes = {name: outcome for name, scrape in scrapes.items() if (outcome := scrape.result())}
        self._report(outcomes)
        if self._stopped.is_set():
            self._log_missed(name for name in scrapes.keys() - outcomes.keys() if not self._is_lost(partitions[name]))
        return sum(outcome.error is None for outcome in outcomes.values())

    def close(self) -> None:
        """Start no more scrapes."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _delays(self, partitions: Mapping[str, int], this: Round, left_s: float) -> Iterator[tuple[float, str]]:
        """When to scrape each node, in seconds from now, earliest first.

        Nodes that failed in the last round come last: if they hang again, the threads they block are not needed.
        """
        spread_ns = self._spread_ns
        if spread_ns is None:
            spread_ns = default_spread_ns(len(this.snapshot.nodes), this.resolution_ns)
        spread_s = limited_spread_ns(spread_ns, int(left_s * NS_PER_S)) / NS_PER_S
        positions = {name: spread_position(name) for name in partitions}
        delays = [position * spread_s for position in sorted(positions.values())]
        names = sorted(positions, key=lambda name: (name in self._failing.active, positions[name]))
        return zip(delays, names, strict=True)

    def _wait_for(self, scrapes: Mapping[str, Future[Outcome | None]], deadline: Deadline) -> None:
        pending = set(scrapes.values())
        while pending:
            pending = wait(pending, _CHECK_INTERVAL_S).not_done
            if self._stopped.is_set():
                deadline.bring_forward(min(MAX_SHUTDOWN_GRACE_S, SHUTDOWN_GRACE_S + len(pending) / _SCRAPES_PER_SECOND))

    def _scrape(self, this: Round, name: str, partition: int, deadline: Deadline) -> Outcome | None:
        """Scrape a node and publish its record; None if nothing was published.

        Nothing is published for a lost partition, and no failure after a stop signal: it may be due to the shutdown.
        """
        if self._is_lost(partition):
            return None
        node = this.snapshot.nodes[name]
        outcome = self._fetch(node, deadline.within(SCRAPE_TIMEOUT_S))
        if self._is_lost(partition) or (self._stopped.is_set() and outcome.error is not None):
            return None
        self._publish(this.record(node, outcome), partition)
        # frees the published data: outcomes are kept until the round ends
        return replace(outcome, document=None, pods=frozenset(), api_pods=None, cadvisor=None)

    def _fetch(self, node: ClusterNode, deadline: Deadline) -> Outcome:
        began_ns = time.monotonic_ns()
        try:
            pods = self._kubelets.pods(node, deadline) if self._reads_pods else None
            response = self._kubelets.summary(node, deadline)
        except ScrapeError as error:
            return Outcome(error=str(error), finished_at_ns=time.time_ns(), duration_ns=time.monotonic_ns() - began_ns)
        telemetry.document_bytes.inc(len(response.document))
        outcome = Outcome(
            document=response.document,
            pods=response.pods,
            api_pods=pods,
            clock_offset_ns=response.clock_offset_ns,
            finished_at_ns=response.received_at_ns,
            duration_ns=time.monotonic_ns() - began_ns,
        )
        return self._with_cadvisor(outcome, node, deadline) if self._reads_cadvisor else outcome

    def _with_cadvisor(self, outcome: Outcome, node: ClusterNode, deadline: Deadline) -> Outcome:
        """Add the cAdvisor metrics, or the reason why they are missing; the Summary is kept in both cases."""
        room_bytes = MAX_DOCUMENT_BYTES - len(outcome.document or b"")
        try:
            return replace(outcome, cadvisor=self._kubelets.cadvisor(node, deadline, room_bytes))
        except ScrapeError as error:
            return replace(outcome, cadvisor_error=str(error))

    def _log_missed(self, names: Iterable[str]) -> None:
        if missed := sorted(names):
            log.warning(
                "shutdown before all nodes have answered: these nodes miss this window",
                extra={"nodes": len(missed), "first": missed[0]},
            )

    def _report(self, outcomes: Mapping[str, Outcome]) -> None:
        """Log the problems of a round and update the metrics."""
        offsets_ns = {name: each.clock_offset_ns for name, each in outcomes.items() if each.clock_offset_ns is not None}
        self._failing.update({name: each.error for name, each in outcomes.items() if each.error}, outcomes)
        if self._reads_cadvisor:
            requested = {name: each for name, each in outcomes.items() if each.error is None}
            failed = {name: each.cadvisor_error for name, each in requested.items() if each.cadvisor_error}
            self._without_cadvisor.update(failed, requested)
            telemetry.count_cadvisor(requested=len(requested), failed=len(failed))
        differing = {
            name: f"kubelet clock {offset_ns / NS_PER_S:+.1f} s from the scraper's: uptimes are wrong by as much"
            for name, offset_ns in offsets_ns.items()
            if abs(offset_ns) > MAX_OFFSET_NS
        }
        self._clocks.update(differing, offsets_ns)
        for each in outcomes.values():
            telemetry.count_scrape(each.duration_ns, failed=bool(each.error))
        telemetry.set_clock_offsets(offsets_ns)
