"""Reads partitions, offsets and single records of topics, without joining a consumer group."""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final, Self, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from runtime.duration import NS_PER_MS
from runtime.errors import UnavailableError
from runtime.kafka import ConnectionErrors, KafkaSettings, client_log, client_settings

_TIMEOUT_S: Final = 20.0
_FIRST_TIMEOUT_S: Final = 5.0
"""Timeout of the first request: shorter, so that a user at a terminal soon learns that Kafka is unreachable."""
_PAUSE_S: Final = 0.2
_TRANSIENT: Final = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
    }
)
"""Errors while Kafka creates or moves a topic, or the internal topic of the consumer groups."""

_Answer = TypeVar("_Answer")


class TopicReader:
    """Reads topics without joining a group or committing. Methods raise UnavailableError if Kafka does not answer."""

    def __init__(self, kafka: KafkaSettings, client_id: str, *, group: str | None = None) -> None:
        """Create the client without a request; `group` is the consumer group whose offsets `committed` returns."""
        self._brokers = kafka.brokers
        self._errors = ConnectionErrors(kafka)
        self._answered = False
        settings = client_settings(kafka, client_id) | {
            "group.id": group or kafka.prefixed(client_id),
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
            "error_cb": self._errors,
        }
        self._consumer = Consumer(settings, logger=client_log)

    def __enter__(self) -> Self:
        """Return itself; the `with` block closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the client."""
        self.close()

    def close(self) -> None:
        """Close the client."""
        self._consumer.close()

    def partitions(self, topic: str) -> list[int]:
        """The topic's partitions; empty if the topic does not exist."""
        timeout_s = _TIMEOUT_S if self._answered else _FIRST_TIMEOUT_S
        found = self._retried(lambda: self._consumer.list_topics(topic, timeout=timeout_s)).topics[topic]
        self._answered = True
        return [] if found.error is not None else sorted(found.partitions)

    def bounds(self, topic: str) -> dict[int, tuple[int, int]]:
        """The first available offset and the end offset of each partition."""
        return {partition: self._bounds(topic, partition) for partition in self.partitions(topic)}

    def offsets_at(self, topic: str, time_ns: int, bounds: Mapping[int, tuple[int, int]]) -> dict[int, int]:
        """The first offset of each partition with that timestamp or a later one; the end offset if there is none."""
        times = [TopicPartition(topic, partition, max(0, time_ns // NS_PER_MS)) for partition in bounds]
        found = self._retried(lambda: self._consumer.offsets_for_times(times, _TIMEOUT_S))
        return {each.partition: each.offset if each.offset >= 0 else bounds[each.partition][1] for each in found}

    def committed(self, topic: str) -> dict[int, int]:
        """The group's committed offset of each partition that has one.

        AdminClient.list_consumer_group_offsets is not used: it crashes the process while the group's coordinator is
        new (seen with librdkafka 2.16).
        """
        wanted = [TopicPartition(topic, partition) for partition in self.partitions(topic)]
        found = self._retried(lambda: self._consumer.committed(wanted, _TIMEOUT_S)) if wanted else []
        return {each.partition: each.offset for each in found if each.offset >= 0}

    def records(self, topic: str, partition: int, begin: int, end: int) -> Iterator[Message]:
        """Yield the records from offset `begin` (inclusive) to `end` (exclusive)."""
        if begin >= end:
            return
        self._consumer.assign([TopicPartition(topic, partition, begin)])
        try:
            position = begin
            while position < end:
                message = self._consumer.poll(_TIMEOUT_S)
                if message is None:
                    where = f"{topic}[{partition}]@{position}"
                    raise UnavailableError(f"Kafka at {self._brokers} did not return {where} in {_TIMEOUT_S:.0f} s")
                if error := message.error():
                    raise UnavailableError(f"Kafka at {self._brokers} did not return {topic}: {error.str()}")
                position = (message.offset() or 0) + 1
                yield message
        finally:
            self._consumer.unassign()

    def _bounds(self, topic: str, partition: int) -> tuple[int, int]:
        wanted = TopicPartition(topic, partition)
        low, high = self._retried(lambda: self._consumer.get_watermark_offsets(wanted, _TIMEOUT_S))
        return low, high

    def _retried(self, request: Callable[[], _Answer]) -> _Answer:
        """Send the request; repeat it after transient errors until the timeout."""
        deadline_s = time.monotonic() + _TIMEOUT_S
        while True:
            try:
                return request()
            except KafkaException as error:
                reason = error.args[0]
                if reason.code() not in _TRANSIENT or time.monotonic() > deadline_s:
                    self._consumer.poll(0)  # calls error_cb
                    raise self._errors.to_exception(reason) from error
            time.sleep(_PAUSE_S)
