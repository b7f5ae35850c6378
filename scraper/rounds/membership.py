"""Which partitions are this worker's: it joins a consumer group on `kubelet-stats` with every partition paused.

Kafka shares the partitions among the workers, notices one that is gone, and gives its partitions to the others. Nothing
is ever consumed or committed.
"""

import logging
import threading
import time
from typing import Final

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from runtime.kafka import ABSENT_S, KafkaSettings, client_log, consumer_settings
from schemas.topics import Topic
from scraper import telemetry

log = logging.getLogger(__name__)

_POLL_S: Final = 0.5
_LEAVE_S: Final = 2.0
_METADATA_MS: Final = 30_000


def group_of(cluster: str) -> str:
    """The consumer group of one cluster's scrapers: several clusters may share a Kafka."""
    return f"heapster-scraper-{cluster}"


class Membership(threading.Thread):
    """Keeps this worker in the group, in a thread of its own so that no slow kubelet costs it its place.

    Whose place is lost while Kafka answers has slept, and others have its partitions. But while Kafka is away nobody
    can be given them: then it goes on with what it had, until it is given something anew.
    """

    def __init__(self, kafka: KafkaSettings, cluster: str, topic: Topic, stopped: threading.Event) -> None:
        """Not started yet."""
        super().__init__(name="membership", daemon=True)
        settings = consumer_settings(kafka, "heapster-scraper", kafka.named(group_of(cluster))) | {
            "partition.assignment.strategy": "cooperative-sticky",
            "topic.metadata.refresh.interval.ms": _METADATA_MS,
        }
        self._consumer = Consumer(settings, logger=client_log)
        self._topic = topic
        self._stopped = stopped
        self._lock = threading.Lock()
        self._assigned: frozenset[int] = frozenset()
        self._gained: frozenset[int] = frozenset()
        self._lost: frozenset[int] = frozenset()
        self._kafka_is_away = False
        self._polled_at = time.monotonic()

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions that are ours now."""
        if not self._is_awake():
            return frozenset()
        return self._assigned | self._lost if self._kafka_is_away else self._assigned

    def is_lost(self, partition: int) -> bool:
        """Whether others have it without our having handed it over."""
        return not self._is_awake() or (partition in self._lost and not self._kafka_is_away)

    def note(self, *, kafka_answers: bool) -> None:
        """To be told before each round."""
        if not kafka_answers:
            self._kafka_is_away = True
        elif not self._lost:
            self._kafka_is_away = False

    def take_gained(self) -> frozenset[int]:
        """Partitions that have come to us since this was last asked."""
        with self._lock:
            gained, self._gained = self._gained & self._assigned, frozenset()
        return gained

    def run(self) -> None:
        """Take part until told to stop."""
        self._consumer.subscribe(
            [self._topic.name], on_assign=self._given, on_revoke=self._handed_over, on_lost=self._gone
        )
        while not self._stopped.is_set():
            message = self._consumer.poll(_POLL_S)
            self._polled_at = time.monotonic()
            if message is not None and (error := message.error()):
                client_log.warning("scrapers' group: %s", error.str())

    def _is_awake(self) -> bool:
        """Not so when the process has slept for so long that others have its partitions, and it does not know yet."""
        return time.monotonic() - self._polled_at < ABSENT_S

    def leave(self) -> None:
        """Leave the group so that others take over at once; not waited for if Kafka does not answer."""
        closing = threading.Thread(target=self._close, name="leave", daemon=True)
        closing.start()
        closing.join(_LEAVE_S)

    def _close(self) -> None:
        self.join()
        self._consumer.close()

    def _given(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            each.offset = OFFSET_END
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        given = _numbers(partitions)
        with self._lock:
            self._lost = frozenset()
            self._gained |= given
        self._own(self._assigned | given)

    def _handed_over(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._own(self._assigned - _numbers(partitions))
        consumer.incremental_unassign(partitions)

    def _gone(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._lost = _numbers(partitions)
        log.warning("this worker has lost its place in the group: it was asleep, or Kafka is away")
        self._handed_over(consumer, partitions)

    def _own(self, partitions: frozenset[int]) -> None:
        if partitions != self._assigned:
            self._assigned = partitions
            telemetry.partitions.set(len(partitions))
            telemetry.rebalances.inc()
            log.info("partitions of this worker", extra={"partitions": sorted(partitions)})


def _numbers(partitions: list[TopicPartition]) -> frozenset[int]:
    return frozenset(each.partition for each in partitions)
