"""One worker: window after window, it scrapes the nodes of the partitions assigned to it."""

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
from scraper.rounds.assignment import assigned_nodes
from scraper.rounds.membership import Membership
from scraper.rounds.record import Round
from scraper.rounds.round import RoundRunner
from scraper.rounds.schedule import Window, first_window, max_round_ns, next_window, windows_behind
from scraper.rounds.scraped_windows import ScrapedWindows

log = logging.getLogger(__name__)

_CHECK_INTERVAL_S: Final = 0.2
_FLUSH_TIMEOUT_S: Final = 3.0
_MIN_CATCH_UP_S: Final = 1.0
_STUCK_AFTER_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerConfig:
    """The cluster to scrape, the interval and the topic to publish to."""

    source: SourceConfig
    cluster: str
    resolution_ns: int
    spread_ns: int | None  # time over which a round's requests are spread; None: a default for the cluster's size
    kafka: KafkaSettings
    topic: Topic


class Worker:
    """Runs the scrape rounds of one process."""

    def __init__(self, config: WorkerConfig, partitions: int, stopped: threading.Event, health: Health) -> None:
        """Prepare all parts; `run` starts them. `partitions` is the number of partitions of the topic."""
        source = config.source
        self._cluster = config.cluster
        self._resolution_ns = config.resolution_ns
        self._max_round_ns = max_round_ns(config.resolution_ns, config.spread_ns or 0)
        self._topic = config.topic
        self._partitions = partitions
        self._stopped = stopped
        self._health = health
        self._watch = ClusterWatch(
            source.login, source.read_node, stopped, source.node_selector, pods=not source.pods_of_kubelets
        )
        self._membership = Membership(config.kafka, config.cluster, config.topic, stopped)
        self._scraped_windows = ScrapedWindows(config.kafka, config.topic)
        self._producer = ScrapeProducer(config.kafka, config.topic, stopped, self._heartbeat)
        self._rounds = RoundRunner(source, self._producer.publish, self._membership.is_lost, stopped, config.spread_ns)
        self._waiting_for_cluster = False
        self._report_health()

    def run(self) -> None:
        """Scrape until `stopped` is set; then flush the records to Kafka and leave the consumer group."""
        self._watch.start()
        self._membership.start()
        window = first_window(time.time_ns(), self._resolution_ns)
        self._set_last_scraped(Window(window.end_ns - self._resolution_ns))
        while self._wait_until_due(window):
            self._membership.take_gained()
            self._refresh_partitions()
            self._scrape(window, self._membership.assigned)
            window = self._window_after(window)
        self._rounds.close()
        left = self._producer.flush(_FLUSH_TIMEOUT_S)
        if left:
            log.error("records lost at shutdown: Kafka did not acknowledge them in time", extra={"records": left})
        self._membership.leave()

    def _wait_until_due(self, window: Window) -> bool:
        """Wait for the start of a round, and catch up with the last window meanwhile; False after a stop signal."""
        last = Window(window.end_ns - self._resolution_ns)
        self._report_health()
        while (left_ns := window.due_at_ns - time.time_ns()) > 0:
            if self._stopped.wait(min(left_ns / NS_PER_S, _CHECK_INTERVAL_S)):
                return False
            self._report_health()
            self._producer.poll()
            if self._watch.synced and time.time_ns() >= last.due_at_ns:
                self._catch_up(last, self._membership.take_gained())
        return not self._stopped.is_set()

    def _report_health(self) -> None:
        self._heartbeat()
        self._health.report("Kubernetes API", None if self._watch.synced else NOT_YET)
        self._health.report(PARTITIONS, None if self._membership.assigned else NO_PARTITIONS)

    def _heartbeat(self) -> None:
        """Signal that the worker makes progress, or waits for Kafka."""
        self._health.beat("scraping", _STUCK_AFTER_S + 2 * self._resolution_ns / NS_PER_S)

    def _catch_up(self, last: Window, gained: frozenset[int]) -> None:
        """Scrape the last window for partitions gained since it was due, unless their previous owner has done so."""
        if gained and self._deadline(last).left_s() > _MIN_CATCH_UP_S:
            unscraped = self._scraped_windows.unscraped(gained, last.end_ns)
            if unscraped:
                self._scrape(last, unscraped)

    def _deadline(self, window: Window) -> Deadline:
        ends_at_ns = window.due_at_ns + self._max_round_ns
        return Deadline((ends_at_ns - time.time_ns()) / NS_PER_S)

    def _scrape(self, window: Window, assigned: Collection[int]) -> None:
        deadline = self._deadline(window)
        # too late if this process was suspended; no nodes are known before the first list of the cluster
        if deadline.left_s() <= 0 or not self._wait_for_cluster(deadline):
            telemetry.windows_missed.inc()
            return
        snapshot = self._watch.snapshot()
        nodes = assigned_nodes(snapshot.nodes, self._cluster, assigned, self._partitions)
        this = Round(
            cluster=self._cluster, resolution_ns=self._resolution_ns, window_end_ns=window.end_ns, snapshot=snapshot
        )
        began = time.monotonic()
        with telemetry.round_seconds.time():
            answered = self._rounds.run(this, nodes, deadline)
        self._set_last_scraped(window)
        log.info(
            "window scraped",
            extra={
                "window_end": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(window.end_ns // NS_PER_S)),
                "nodes": len(nodes),
                "answered": answered,
                "seconds": round(time.monotonic() - began, 3),
                "waiting_for_kafka": self._producer.poll(),
            },
        )

    def _set_last_scraped(self, last: Window) -> None:
        telemetry.windows_behind.set_function(lambda: windows_behind(last, time.time_ns(), self._resolution_ns))

    def _wait_for_cluster(self, deadline: Deadline) -> bool:
        """Wait for the first list of the cluster; whether it is complete."""
        while not self._watch.synced and deadline.left_s() > 0 and not self._stopped.wait(_CHECK_INTERVAL_S):
            pass
        if self._watch.synced:
            self._waiting_for_cluster = False
        elif not self._waiting_for_cluster:
            self._waiting_for_cluster = True
            log.warning("no scrapes yet: the first list of the Kubernetes API is not complete")
        return self._watch.synced

    def _refresh_partitions(self) -> None:
        """Read the number of partitions when a round starts, so that all workers agree on the owner of each node."""
        found = self._producer.partitions()
        self._membership.set_kafka_available(available=found is not None)
        if found is not None and found != self._partitions:
            log.warning(
                "the number of partitions has changed: nodes move to other partitions, and nodes of partitions not yet"
                " assigned are not scraped until the group rebalances; restart the processors",
                extra={"topic": self._topic.name, "partitions": found, "before": self._partitions},
            )
            self._partitions = found

    def _window_after(self, window: Window) -> Window:
        following = next_window(window, time.time_ns(), self._resolution_ns)
        windows = (following.end_ns - window.end_ns) // self._resolution_ns - 1
        if windows:
            telemetry.windows_missed.inc(windows)
            log.warning("windows missed: the last round took too long", extra={"windows": windows})
        return following
