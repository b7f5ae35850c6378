"""One scraping round: every node that is ours, once, side by side; over when all have answered or failed."""

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
from scraper.kubelet.client import LARGEST_DOCUMENT_BYTES, KubeletClient, ScrapeError
from scraper.kubelet.clock_offset import LIMIT_NS
from scraper.kubelet.deadline import Deadline
from scraper.log_throttle import LogThrottle
from scraper.rounds.record import Outcome, Round
from scraper.rounds.schedule import place, spread_in_time_ns, usual_spread_ns

log = logging.getLogger(__name__)

MOST_AT_ONCE: Final = 128
LONGEST_ANSWER_S: Final = 20.0
"""How long a kubelet may take, however long the round is."""

STOPPING_S: Final = 2.0
LONGEST_STOPPING_S: Final = 8.0
"""How long a round may still take when the process is to end: nobody else asks its kubelets in this window."""

_STOPPING_A_SECOND: Final = 400  # nodes; a scraper does 500 and more

_LOOK_EVERY_S: Final = 0.2


class ScrapeRound:
    """Runs rounds; remembers which kubelets failed and whose clocks were off."""

    def __init__(
        self,
        source: SourceConfig,
        publish: Callable[[NodeScrape, int], None],
        is_lost: Callable[[int], bool],
        stopped: threading.Event,
        spread_ns: int | None = None,
    ) -> None:
        """`publish` takes a record and its partition, `is_lost` tells whether a partition was taken from us unasked.

        Requests are spread over `spread_ns`, None: as usual for so many nodes.
        """
        self._publish = publish
        self._is_lost = is_lost
        self._stopped = stopped
        self._spread_ns = spread_ns
        self._kubelets = KubeletClient(source.login, source.kubelets)
        self._asks_cadvisor = source.cadvisor
        self._asks_pods = source.pods_of_kubelets
        self._failing = LogThrottle(log=log, begins="scrape failed", ends="the kubelet answers again")
        self._without_cadvisor = LogThrottle(
            log=log,
            begins="cadvisor's metrics are missing: no memory/cache, cpu/load and disk IO of this node",
            ends="cadvisor's metrics are there again",
        )
        self._clocks = LogThrottle(log=log, begins="clocks differ: set them by NTP", ends="clocks agree again")
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="scrape")

    def run(self, this: Round, partitions: Mapping[str, int], deadline: Deadline) -> int:
        """Scrape these nodes, each into its partition; how many answered."""
        telemetry.nodes.set(len(partitions))
        began = time.monotonic()
        scrapes: dict[str, Future[Outcome | None]] = {}
        for delay_s, name in self._starts(partitions, this, deadline.left_s()):
            self._stopped.wait(max(0.0, began + delay_s - time.monotonic()))
            scrapes[name] = self._pool.submit(self._scrape, this, name, partitions[name], deadline)
        self._wait_for(scrapes, deadline)
        outcomes = {name: outcome for name, scrape in scrapes.items() if (outcome := scrape.result())}
        self._note(outcomes)
        if self._stopped.is_set():
            self._tell_unasked(name for name in scrapes.keys() - outcomes.keys() if not self._is_lost(partitions[name]))
        return sum(outcome.error is None for outcome in outcomes.values())

    def close(self) -> None:
        """Begin nothing more."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _starts(self, partitions: Mapping[str, int], this: Round, left_s: float) -> Iterator[tuple[float, str]]:
        """When to ask each, in seconds from now, earliest first.

        Those that failed the last time come last: if they hang again, they hold threads that nobody else waits for.
        """
        spread_ns = self._spread_ns
        if spread_ns is None:
            spread_ns = usual_spread_ns(len(this.snapshot.nodes), this.resolution_ns)
        spread_s = spread_in_time_ns(spread_ns, int(left_s * NS_PER_S)) / NS_PER_S
        places = {name: place(name) for name in partitions}
        delays = [where * spread_s for where in sorted(places.values())]
        return zip(delays, sorted(places, key=lambda name: (name in self._failing.open, places[name])), strict=True)

    def _wait_for(self, scrapes: Mapping[str, Future[Outcome | None]], deadline: Deadline) -> None:
        pending = set(scrapes.values())
        while pending:
            pending = wait(pending, _LOOK_EVERY_S).not_done
            if self._stopped.is_set():
                deadline.bring_forward(min(LONGEST_STOPPING_S, STOPPING_S + len(pending) / _STOPPING_A_SECOND))

    def _scrape(self, this: Round, name: str, partition: int, deadline: Deadline) -> Outcome | None:
        """Ask and publish; None if it is not for us any more."""
        if self._is_lost(partition):
            return None
        node = this.snapshot.nodes[name]
        outcome = self._ask(node, deadline.within(LONGEST_ANSWER_S))
        if self._is_lost(partition) or (self._stopped.is_set() and outcome.error is not None):
            return None
        self._publish(this.record(node, outcome), partition)
        # published: it need not stay until the round ends
        return replace(outcome, document=None, pods=frozenset(), api_pods=None, cadvisor=None)

    def _ask(self, node: ClusterNode, deadline: Deadline) -> Outcome:
        began_ns = time.monotonic_ns()
        try:
            pods = self._kubelets.pods(node, deadline) if self._asks_pods else None
            answer = self._kubelets.fetch(node, deadline)
        except ScrapeError as error:
            return Outcome(error=str(error), finished_at_ns=time.time_ns(), duration_ns=time.monotonic_ns() - began_ns)
        telemetry.document_bytes.inc(len(answer.document))
        outcome = Outcome(
            document=answer.document,
            pods=answer.pods,
            api_pods=pods,
            clock_offset_ns=answer.clock_offset_ns,
            finished_at_ns=answer.received_at_ns,
            duration_ns=time.monotonic_ns() - began_ns,
        )
        return self._with_cadvisor(outcome, node, deadline) if self._asks_cadvisor else outcome

    def _with_cadvisor(self, outcome: Outcome, node: ClusterNode, deadline: Deadline) -> Outcome:
        """What a failure costs is cadvisor's metrics, never the Summary."""
        room_bytes = LARGEST_DOCUMENT_BYTES - len(outcome.document or b"")
        try:
            return replace(outcome, cadvisor=self._kubelets.cadvisor(node, deadline, room_bytes))
        except ScrapeError as error:
            return replace(outcome, cadvisor_error=str(error))

    def _tell_unasked(self, names: Iterable[str]) -> None:
        if unasked := sorted(names):
            log.warning(
                "the process ends before all nodes have answered: they miss this window",
                extra={"nodes": len(unasked), "first": unasked[0]},
            )

    def _note(self, outcomes: Mapping[str, Outcome]) -> None:
        """Logs and figures about what came of a round."""
        offsets = {
            name: outcome.clock_offset_ns for name, outcome in outcomes.items() if outcome.clock_offset_ns is not None
        }
        self._failing.update({name: each.error for name, each in outcomes.items() if each.error}, outcomes)
        if self._asks_cadvisor:
            asked = {name: each for name, each in outcomes.items() if each.error is None}
            missing = {name: each.cadvisor_error for name, each in asked.items() if each.cadvisor_error}
            self._without_cadvisor.update(missing, asked)
            telemetry.note_cadvisor(asked=len(asked), missing=len(missing))
        self._clocks.update(
            {
                name: f"the kubelet's is {offset_ns / NS_PER_S:+.1f} s off the scraper's: uptimes are wrong by as much"
                for name, offset_ns in offsets.items()
                if abs(offset_ns) > LIMIT_NS
            },
            offsets,
        )
        telemetry.note_round(outcomes.values(), offsets)
