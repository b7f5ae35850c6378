"""Group membership: the worker joins a consumer group on `kubelet-stats` with every partition paused.

Kafka distributes the partitions among the workers and reassigns those of a worker that is gone. Nothing is consumed or
committed.
"""

import logging
import threading
import time
from typing import Final

from confluent_kafka import OFFSET_END, Consumer, TopicPartition

from runtime.kafka import MAX_POLL_GAP_S, KafkaSettings, client_log, consumer_settings
from schemas.topics import Topic
from scraper import telemetry

log = logging.getLogger(__name__)

_POLL_S: Final = 0.5
_LEAVE_TIMEOUT_S: Final = 2.0
_METADATA_REFRESH_MS: Final = 30_000


def consumer_group(cluster: str) -> str:
    """Name of the consumer group of one cluster's scrapers; several clusters may share one Kafka."""
    return f"heapster-scraper-{cluster}"


class Membership(threading.Thread):
    """Polls the consumer in a thread of its own, so that slow kubelets do not delay heartbeats.

    A worker that loses its membership while Kafka answers was suspended, and others have its partitions. While Kafka is
    unavailable nobody can get them: the worker keeps scraping lost partitions until it gets a new assignment.
    """

    def __init__(self, kafka: KafkaSettings, cluster: str, topic: Topic, stopped: threading.Event) -> None:
        """Prepare the consumer; `start` joins the group, setting `stopped` ends the thread."""
        super().__init__(name="membership", daemon=True)
        settings = consumer_settings(kafka, "heapster-scraper", kafka.prefixed(consumer_group(cluster))) | {
            "partition.assignment.strategy": "cooperative-sticky",
            "topic.metadata.refresh.interval.ms": _METADATA_REFRESH_MS,
        }
        self._consumer = Consumer(settings, logger=client_log)
        self._topic = topic
        self._stopped = stopped
        self._lock = threading.Lock()
        self._assigned: frozenset[int] = frozenset()
        self._gained: frozenset[int] = frozenset()
        self._lost: frozenset[int] = frozenset()
        self._kafka_unavailable = False
        self._polled_at = time.monotonic()

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions whose nodes this worker scrapes now."""
        if not self._polled_recently():
            return frozenset()
        return self._assigned | self._lost if self._kafka_unavailable else self._assigned

    def is_lost(self, partition: int) -> bool:
        """Whether another worker may have the partition although this one did not revoke it."""
        return not self._polled_recently() or (partition in self._lost and not self._kafka_unavailable)

    def set_kafka_available(self, *, available: bool) -> None:
        """Record before each round whether Kafka answers."""
        if not available:
            self._kafka_unavailable = True
        elif not self._lost:
            self._kafka_unavailable = False

    def take_gained(self) -> frozenset[int]:
        """The partitions assigned since the last call."""
        with self._lock:
            gained, self._gained = self._gained & self._assigned, frozenset()
        return gained

    def run(self) -> None:
        """Join the group and poll until `stopped` is set."""
        self._consumer.subscribe(
            [self._topic.name], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        while not self._stopped.is_set():
            message = self._consumer.poll(_POLL_S)
            self._polled_at = time.monotonic()
            if message is not None and (error := message.error()):
                client_log.warning("consumer group of the scrapers: %s", error.str())

    def _polled_recently(self) -> bool:
        """False after the process was suspended for so long that others may have its partitions."""
        return time.monotonic() - self._polled_at < MAX_POLL_GAP_S

    def leave(self) -> None:
        """Leave the group so that others take over at once; give up after a short timeout if Kafka does not answer."""
        closing = threading.Thread(target=self._close, name="leave", daemon=True)
        closing.start()
        closing.join(_LEAVE_TIMEOUT_S)

    def _close(self) -> None:
        self.join()
        self._consumer.close()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        for each in partitions:
            each.offset = OFFSET_END
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        gained = _partition_numbers(partitions)
        with self._lock:
            self._lost = frozenset()
            self._gained |= gained
        self._set_assigned(self._assigned | gained)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._set_assigned(self._assigned - _partition_numbers(partitions))
        consumer.incremental_unassign(partitions)

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._lost = _partition_numbers(partitions)
        log.warning("consumer group membership lost: this process was suspended, or Kafka is unavailable; rejoining")
        self._on_revoke(consumer, partitions)

    def _set_assigned(self, partitions: frozenset[int]) -> None:
        if partitions != self._assigned:
            self._assigned = partitions
            telemetry.partitions.set(len(partitions))
            telemetry.rebalances.inc()
            log.info("partitions assigned", extra={"partitions": sorted(partitions)})


def _partition_numbers(partitions: list[TopicPartition]) -> frozenset[int]:
    return frozenset(each.partition for each in partitions)
