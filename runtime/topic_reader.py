"""Looks into topics: which partitions there are, from where to where, and the records in them."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime.duration import NS_PER_MS
from runtime.errors import UnavailableError
from runtime.kafka import ConnectionErrors, KafkaSettings, client_log, client_settings

_TIMEOUT_S: Final = 20.0
_FIRST_ANSWER_S: Final = 5.0
"""Who does not answer the first question within this is not there: whoever waits at a terminal is to know."""
_PAUSE_S: Final = 0.2
_PASSING: Final = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""While Kafka makes or moves a topic: one that was listed a moment ago, or that of the consumer groups."""

_Answer = TypeVar("_Answer")


class TopicReader:
    """Joins no consumer group, commits nothing. Every method raises UnavailableError: Kafka does not answer."""

    def __init__(self, kafka: KafkaSettings, client_id: str, *, group: str | None = None) -> None:
        """Nothing is asked yet; `group` is the one whose commits are looked up."""
        self._brokers = kafka.brokers
        self._reasons = ConnectionErrors(kafka)
        self._answered = False
        settings = client_settings(kafka, client_id) | {
            "group.id": group or kafka.prefixed(client_id),
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
            "error_cb": self._reasons,
        }
        self._consumer = Consumer(settings, logger=client_log)

    def __enter__(self) -> Self:
        """To be closed at the end."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """No more looking."""
        self._consumer.close()

    def partitions(self, topic: str) -> list[int]:
        """The topic's partitions; none if there is no such topic."""
        timeout_s = _TIMEOUT_S if self._answered else _FIRST_ANSWER_S
        found = self._asked(lambda: self._consumer.list_topics(topic, timeout=timeout_s)).topics[topic]
        self._answered = True
        return [] if found.error is not None else sorted(found.partitions)

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """By partition the first offset that is kept, and the end."""
        return {partition: self._bounds(topic, partition) for partition in self.partitions(topic)}

    def offsets_at(self, topic: str, time_ns: int, bounds: Mapping[int, tuple[int, int]]) -> dict[int, int]:
        """By partition the first offset with that time or later; the end if there is none."""
        asked = [TopicPartition(topic, partition, max(0, time_ns // NS_PER_MS)) for partition in bounds]
        found = self._asked(lambda: self._consumer.offsets_for_times(asked, _TIMEOUT_S))
        return {each.partition: each.offset if each.offset >= 0 else bounds[each.partition][1] for each in found}

    def committed(self, topic: str) -> dict[int, int]:
        """By partition the offset that the group goes on from, where it has committed one.

        Not by AdminClient.list_consumer_group_offsets, which brings the process down when the group's coordinator
        is new (librdkafka, seen with 2.16).
        """
        asked = [TopicPartition(topic, partition) for partition in self.partitions(topic)]
        found = self._asked(lambda: self._consumer.committed(asked, _TIMEOUT_S)) if asked else []
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def records(self, topic: str, partition: int, begin: int, end: int) -> Iterator[Message]:
        """The records from offset `begin` up to, not including, `end`."""
        if begin >= end:
            return
        self._consumer.assign([TopicPartition(topic, partition, begin)])
        try:
            position = begin
            while position < end:
                message = self._consumer.poll(_TIMEOUT_S)
                if message is None:
                    where = f"{topic}[{partition}]@{position}"
                    raise UnavailableError(f"Kafka at {self._brokers} does not hand out {where}")
                if error := message.error():
                    raise UnavailableError(f"Kafka at {self._brokers} does not hand out {topic}: {error.str()}")
                position = (message.offset() or 0) + 1
                yield message
        finally:
            self._consumer.unassign()

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        asked = TopicPartition(topic, partition)
        low, high = self._asked(lambda: self._consumer.get_watermark_offsets(asked, _TIMEOUT_S))
        return low, high

    def _asked(self, ask: Callable[[], _Answer]) -> _Answer:
        ends_s = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                return ask()
            except KafkaException as error:
                reason = error.args[0]
                if reason.code() not in _PASSING or time.monotonic() > ends_s:
                    self._consumer.poll(0)  # hands out what was heard
                    raise self._reasons.error(reason) from error
            time.sleep(_PAUSE_S)
