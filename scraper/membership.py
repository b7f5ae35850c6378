"""Which partitions are this worker's: it joins a consumer group on `kubelet-stats` with every partition paused.

Kafka shares the partitions among the workers, notices one that is gone, and gives its partitions to the others. Nothing
is ever consumed or committed.
"""

import logging
import threading

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.kafka import client_log, client_settings, consumer_settings
from schemas.topics import Topic

log = logging.getLogger(__name__)

GROUP = "heapster-scraper"
_POLL_S = 0.5


class Membership(threading.Thread):
    """Keeps this worker in the group, in a thread of its own so that no slow kubelet costs it its place."""

    def __init__(self, brokers: str, topic: Topic, stopped: threading.Event) -> None:
        """Not started yet."""
        super().__init__(name="membership", daemon=True)
        settings = consumer_settings(brokers, "heapster-scraper", GROUP) | {
            "partition.assignment.strategy": "cooperative-sticky"
        }
        self._consumer = Consumer(settings, logger=client_log)
        self._reader = Consumer(client_settings(brokers, "heapster-scraper") | {"group.id": GROUP}, logger=client_log)
        self._topic = topic
        self._stopped = stopped
        self._lock = threading.Lock()
        self._assigned: frozenset[int] = frozenset()

    @property
    def assigned(self) -> frozenset[int]:
        """The partitions that are ours now."""
        with self._lock:
            return self._assigned

    def partitions(self, known: int) -> int:
        """How many partitions the topic has; `known` while Kafka does not answer."""
        try:
            found = self._reader.list_topics(self._topic.name, timeout=2).topics[self._topic.name]
        except KafkaException:
            return known
        if found.error is not None or not found.partitions:
            return known
        if len(found.partitions) != known:
            log.warning(
                "the topic has another number of partitions now: most nodes move to another one, and their first"
                " window there has no rates",
                extra={"topic": self._topic.name, "was": known, "is": len(found.partitions)},
            )
        return len(found.partitions)

    def run(self) -> None:
        """Take part until told to stop, then leave so that others take over at once."""
        self._consumer.subscribe([self._topic.name], on_assign=self._given, on_revoke=self._taken, on_lost=self._taken)
        while not self._stopped.is_set():
            self._consumer.poll(_POLL_S)

    def leave(self) -> None:
        """Leave the group; the thread has ended."""
        self.join(5)
        self._consumer.close()

    def _given(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        self._own(self.assigned | {each.partition for each in partitions})

    def _taken(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._own(self.assigned - {each.partition for each in partitions})
        consumer.incremental_unassign(partitions)

    def _own(self, partitions: frozenset[int]) -> None:
        with self._lock:
            self._assigned = partitions
        log.info("partitions of this worker", extra={"partitions": sorted(partitions)})
