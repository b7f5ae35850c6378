"""One worker: window after window it scrapes the nodes that Kafka's group has given to it."""

import logging
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from runtime.duration import NS_PER_S
from runtime.health import NO_PARTITIONS, NOT_YET, PARTITIONS, Health
from runtime.kafka import KafkaSettings
from schemas.topics import Topic
from scraper import telemetry
from scraper.cluster.cluster_watch import ClusterWatch
from scraper.config import SourceConfig
from scraper.kubelet.deadline import Deadline
from scraper.producer import ScrapeProducer
from scraper.rounds.assignment import mine
from scraper.rounds.membership import Membership
from scraper.rounds.record import Round
from scraper.rounds.round import ScrapeRound
from scraper.rounds.schedule import Window, first_window, longest_round_ns, next_window, windows_behind
from scraper.rounds.scraped_windows import ScrapedWindows

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.2
_FLUSH_S: Final = 3.0
_LEAST_S: Final = 1.0
_STUCK_AFTER_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """What a worker scrapes, how often, and where to."""

    source: SourceConfig
    cluster: str
    resolution_ns: int
    spread_ns: int | None  # over how long a window's requests are spread; None: as usual for so many nodes
    kafka: KafkaSettings
    topic: Topic


class Worker:
    """Puts the parts together."""

    def __init__(self, config: WorkerConfig, partitions: int, stopped: threading.Event, health: Health) -> None:
        """`partitions` is how many the topic has. Not started yet."""
        source = config.source
        self._cluster = config.cluster
        self._resolution_ns = config.resolution_ns
        self._longest_round_ns = longest_round_ns(config.resolution_ns, config.spread_ns or 0)
        self._topic = config.topic
        self._partitions = partitions
        self._stopped = stopped
        self._health = health
        self._watch = ClusterWatch(source, stopped)
        self._membership = Membership(config.kafka, config.cluster, config.topic, stopped)
        self._records = ScrapedWindows(config.kafka, config.topic)
        self._publisher = ScrapeProducer(config.kafka, config.topic, stopped, self._beat)
        self._scraping = ScrapeRound(
            source, self._publisher.publish, self._membership.is_lost, stopped, config.spread_ns
        )
        self._blind = False
        self._report()

    def run(self) -> None:
        """Scrape until told to stop; then hand over what has been read and leave the group."""
        self._watch.start()
        self._membership.start()
        window = first_window(time.time_ns(), self._resolution_ns)
        self._scraped(Window(window.end_ns - self._resolution_ns))
        while self._wait_for(window):
            self._membership.take_gained()
            self._ask_kafka()
            self._scrape(window, self._membership.assigned)
            window = self._following(window)
        self._scraping.close()
        left = self._publisher.flush(_FLUSH_S)
        if left:
            log.error("the process ends and Kafka has not taken all records", extra={"records": left})
        self._membership.leave()

    def _wait_for(self, window: Window) -> bool:
        """Until its time has come; False if told to stop before. Meanwhile, catches up with the one before."""
        before = Window(window.end_ns - self._resolution_ns)
        self._report()
        while (left_ns := window.fires_at_ns - time.time_ns()) > 0:
            if self._stopped.wait(min(left_ns / NS_PER_S, _LOOK_EVERY_S)):
                return False
            self._report()
            self._publisher.poll()
            if self._watch.synced and time.time_ns() >= before.fires_at_ns:
                self._catch_up(before, self._membership.take_gained())
        return not self._stopped.is_set()

    def _report(self) -> None:
        """Tell whether there is anything to scrape."""
        self._beat()
        self._health.report("Kubernetes API", None if self._watch.synced else NOT_YET)
        self._health.report(PARTITIONS, None if self._membership.assigned else NO_PARTITIONS)

    def _beat(self) -> None:
        """Tell that rounds come to an end, or wait for Kafka."""
        self._health.beat("scraping", _STUCK_AFTER_S + 2 * self._resolution_ns / NS_PER_S)

    def _catch_up(self, last: Window, gained: frozenset[int]) -> None:
        """Scrape for partitions that came to us after the last window fired, if whoever had them did not."""
        if gained and self._deadline(last).left_s() > _LEAST_S:
            missing = self._records.missing(gained, last.end_ns)
            if missing:
                self._scrape(last, missing)

    def _deadline(self, window: Window) -> Deadline:
        ends_at_ns = window.fires_at_ns + self._longest_round_ns
        return Deadline((ends_at_ns - time.time_ns()) / NS_PER_S)

    def _scrape(self, window: Window, assigned: Collection[int]) -> None:
        deadline = self._deadline(window)
        if deadline.left_s() <= 0 or not self._sees_cluster(deadline):  # this process was asleep, or knows no nodes
            telemetry.missed.inc()
            return
        snapshot = self._watch.snapshot()
        nodes = mine(snapshot.nodes, self._cluster, assigned, self._partitions)
        this = Round(
            cluster=self._cluster, resolution_ns=self._resolution_ns, window_end_ns=window.end_ns, snapshot=snapshot
        )
        began = time.monotonic()
        with telemetry.round_seconds.time():
            answered = self._scraping.run(this, nodes, deadline)
        self._scraped(window)
        log.info(
            "window scraped",
            extra={
                "window_end": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(window.end_ns // NS_PER_S)),
                "nodes": len(nodes),
                "answered": answered,
                "seconds": round(time.monotonic() - began, 3),
                "waiting_for_kafka": self._publisher.poll(),
            },
        )

    def _scraped(self, last: Window) -> None:
        telemetry.behind.set_function(lambda: windows_behind(last, time.time_ns(), self._resolution_ns))

    def _sees_cluster(self, deadline: Deadline) -> bool:
        """Whether the cluster is known: at start the first list may take a moment."""
        while not self._watch.synced and deadline.left_s() > 0 and not self._stopped.wait(_LOOK_EVERY_S):
            pass
        if self._watch.synced:
            self._blind = False
        elif not self._blind:
            self._blind = True
            log.warning("nothing is scraped until the Kubernetes API has been listed")
        return self._watch.synced

    def _ask_kafka(self) -> None:
        """How many partitions there are: all look when a window fires, and so agree on whose a node is."""
        found = self._publisher.partitions()
        self._membership.note(kafka_answers=found is not None)
        if found is not None and found != self._partitions:
            log.warning(
                "the topic has another number of partitions now: nodes move to other ones, and those that nobody has"
                " been given yet are not scraped until then; processors must be restarted",
                extra={"topic": self._topic.name, "partitions": found, "before": self._partitions},
            )
            self._partitions = found

    def _following(self, window: Window) -> Window:
        following = next_window(window, time.time_ns(), self._resolution_ns)
        windows = (following.end_ns - window.end_ns) // self._resolution_ns - 1
        if windows:
            telemetry.missed.inc(windows)
            log.warning("windows missed: the round before took too long", extra={"windows": windows})
        return following
