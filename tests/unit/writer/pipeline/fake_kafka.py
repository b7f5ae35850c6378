"""Fakes of confluent_kafka's Consumer and Producer on topics in memory, and the mock broker of librdkafka.

`test_consumer` and `test_dead_letters` run the same contract tests on both.
"""

import functools
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import pytest
from confluent_kafka import TIMESTAMP_CREATE_TIME, Consumer, KafkaError, KafkaException, Producer, TopicPartition

from runtime.kafka import KafkaSettings

PARTITIONS: Final = 4
_IDLE_S: Final = 0.01


class FakeMessage:
    def __init__(self, topic: str, partition: int, offset: int, **fields: Any) -> None:
        self._where = (topic, partition, offset)
        self._fields = fields

    def topic(self) -> str:
        return self._where[0]

    def partition(self) -> int:
        return self._where[1]

    def offset(self) -> int:
        return self._where[2]

    def key(self) -> bytes | None:
        return self._fields.get("key")

    def value(self) -> bytes | None:
        return self._fields.get("value")

    def headers(self) -> Sequence[tuple[str, bytes]] | None:
        return self._fields.get("headers")

    def timestamp(self) -> tuple[int, int]:
        return self._fields.get("timestamp", (TIMESTAMP_CREATE_TIME, 1_700_000_000_000))

    def error(self) -> KafkaError | None:
        return self._fields.get("error")


class FakeKafka:
    """Topics in memory. A test scripts rebalances, errors and failed deliveries."""

    brokers = "fake:9092"

    def __init__(self) -> None:
        self.topics: dict[str, dict[int, list[FakeMessage]]] = {}
        self.committed: dict[tuple[str, str, int], int] = {}  # by group, topic and partition
        self.consumers: list[FakeConsumer] = []
        self.producers: list[FakeProducer] = []
        self.assigned = set(range(PARTITIONS))  # to the consumer of the test; the rest to another member
        self.errors: deque[KafkaError] = deque()  # the next polls of a consumer return these
        self.commit_error: KafkaError | None = None
        self.offsets_error: KafkaError | None = None  # of `committed` and `get_watermark_offsets` without cache
        self.low_watermark = 0
        self.ignores_pause = False  # a poll returns a message of a paused partition
        self.delivery_errors: deque[KafkaError] = deque()  # of the next deliveries
        self.is_acknowledging = True
        self.on_commit: Callable[[dict[int, int]], None] = lambda _: None

    def settings(self) -> KafkaSettings:
        return KafkaSettings(self.brokers)

    def partition(self, topic: str, partition: int) -> list[FakeMessage]:
        return self.topics.setdefault(topic, {}).setdefault(partition, [])

    def produce(self, topic: str, value: bytes | None, *, partition: int = 0, **fields: Any) -> None:
        messages = self.partition(topic, partition)
        messages.append(FakeMessage(topic, partition, len(messages), value=value, **fields))

    def messages(self, topic: str) -> list[FakeMessage]:
        return [message for messages in self.topics.get(topic, {}).values() for message in messages]

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        self.committed[group, topic, partition] = offset

    def committed_offset(self, group: str, topic: str, partition: int) -> int | None:
        return self.committed.get((group, topic, partition))


class FakeConsumer:
    """Calls the rebalance callbacks from `poll` and `close`, as librdkafka does."""

    def __init__(self, kafka: FakeKafka, settings: Mapping[str, object], *, logger: object) -> None:
        self.settings = settings
        self.paused: set[int] = set()
        self.pauses = 0
        self.closed = False
        self._kafka = kafka
        self._group = str(settings["group.id"])
        self._assignment: set[int] = set()
        self._positions: dict[int, int] = {}
        self._topic = ""
        self._on_assign: Callable[[Any, list[TopicPartition]], None]
        self._on_revoke: Callable[[Any, list[TopicPartition]], None]
        assert logger is not None
        kafka.consumers.append(self)

    def subscribe(self, topics: list[str], *, on_assign: Any, on_revoke: Any, on_lost: Any) -> None:
        (self._topic,) = topics
        assert on_lost is not None
        self._on_assign, self._on_revoke = on_assign, on_revoke

    def poll(self, timeout_s: float) -> FakeMessage | None:
        self._rebalance(self._kafka.assigned)
        if self._kafka.errors:
            return FakeMessage(self._topic, 0, 0, error=self._kafka.errors.popleft())
        for partition in sorted(self._assignment):
            messages = self._kafka.partition(self._topic, partition)
            at = self._positions.get(partition, self._start(partition))
            if at < len(messages) and (self._kafka.ignores_pause or partition not in self.paused):
                self._positions[partition] = at + 1
                return messages[at]
        time.sleep(min(timeout_s, _IDLE_S))
        return None

    def _start(self, partition: int) -> int:
        return self._kafka.committed.get((self._group, self._topic, partition), self._kafka.low_watermark)

    def _rebalance(self, wanted: set[int]) -> None:
        if revoked := sorted(self._assignment - wanted):
            self._on_revoke(self, [TopicPartition(self._topic, each) for each in revoked])
            self._assignment -= set(revoked)
            for partition in revoked:
                self._positions.pop(partition, None)
        if added := sorted(wanted - self._assignment):
            self._on_assign(self, [TopicPartition(self._topic, each) for each in added])
            assert self._assignment == wanted, "on_assign calls incremental_assign"

    def incremental_assign(self, partitions: list[TopicPartition]) -> None:
        self._assignment |= {each.partition for each in partitions}

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(self._topic, each) for each in sorted(self._assignment)]

    def pause(self, partitions: list[TopicPartition]) -> None:
        self.pauses += 1
        self.paused |= {each.partition for each in partitions}

    def resume(self, partitions: list[TopicPartition]) -> None:
        self.paused -= {each.partition for each in partitions}

    def position(self, partitions: list[TopicPartition]) -> list[TopicPartition]:
        invalid = -1001
        return [
            TopicPartition(each.topic, each.partition, self._positions.get(each.partition, invalid))
            for each in partitions
        ]

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout > 0
        if self._kafka.offsets_error is not None:
            raise KafkaException(self._kafka.offsets_error)
        invalid = -1001
        return [
            TopicPartition(
                each.topic,
                each.partition,
                self._kafka.committed.get((self._group, each.topic, each.partition), invalid),
            )
            for each in partitions
        ]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float = 0, *, cached: bool = False
    ) -> tuple[int, int] | None:
        assert cached or timeout > 0
        if self._kafka.offsets_error is not None:
            return None
        return self._kafka.low_watermark, len(self._kafka.partition(partition.topic, partition.partition))

    def commit(self, *, offsets: list[TopicPartition], asynchronous: bool) -> None:
        assert not asynchronous
        if self._kafka.commit_error is not None:
            raise KafkaException(self._kafka.commit_error)
        self._kafka.on_commit({each.partition: each.offset for each in offsets})
        for each in offsets:
            self._kafka.committed[self._group, each.topic, each.partition] = each.offset

    def close(self) -> None:
        self._rebalance(set())
        self.closed = True


class FakeProducer:
    """Delivers messages and calls their callbacks from `poll`, as librdkafka does."""

    def __init__(self, kafka: FakeKafka, settings: Mapping[str, object], *, logger: object) -> None:
        self.settings = settings
        self._kafka = kafka
        self._queue: deque[tuple[FakeMessage, Callable[[KafkaError | None, FakeMessage], None]]] = deque()
        assert logger is not None
        kafka.producers.append(self)

    def produce(self, topic: str, *, value: bytes | None, on_delivery: Any, **fields: Any) -> None:
        if len(value or b"") > int(str(self.settings["message.max.bytes"])):
            raise KafkaException(KafkaError(KafkaError.MSG_SIZE_TOO_LARGE))
        self._queue.append((FakeMessage(topic, 0, 0, value=value, **fields), on_delivery))

    def poll(self, timeout_s: float) -> int:
        if not self._queue or not self._kafka.is_acknowledging:
            time.sleep(min(timeout_s, _IDLE_S))
            return 0
        message, on_delivery = self._queue.popleft()
        error = self._kafka.delivery_errors.popleft() if self._kafka.delivery_errors else None
        if error is None:
            self._kafka.partition(message.topic(), 0).append(message)
        on_delivery(error, message)
        return 1


class MockBroker:
    """The mock broker that is built into librdkafka: real clients, real protocol, no Kafka."""

    def __init__(self) -> None:
        self._producer = Producer({"bootstrap.servers": "mock", "test.mock.num.brokers": 1, "log_level": 0})
        found = self._producer.list_topics(timeout=10).brokers.values()
        self.brokers = ",".join(f"{each.host}:{each.port}" for each in found)

    def settings(self) -> KafkaSettings:
        return KafkaSettings(self.brokers)

    def produce(self, topic: str, value: bytes | None, *, partition: int = 0, **fields: Any) -> None:
        self._producer.produce(topic, value, partition=partition, **fields)
        assert self._producer.flush(10) == 0

    def messages(self, topic: str) -> list[Any]:
        """Every message in a topic."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": "test", "auto.offset.reset": "earliest"})
        partitions = [TopicPartition(topic, partition, 0) for partition in range(PARTITIONS)]
        try:
            count = sum(consumer.get_watermark_offsets(each, timeout=10)[1] for each in partitions)
            consumer.assign(partitions)
            return consumer.consume(count, timeout=10)
        finally:
            consumer.close()

    def commit(self, group: str, topic: str, partition: int, offset: int) -> None:
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": group})
        consumer.commit(offsets=[TopicPartition(topic, partition, offset)], asynchronous=False)
        consumer.close()

    def committed_offset(self, group: str, topic: str, partition: int) -> int | None:
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": group})
        try:
            (found,) = consumer.committed([TopicPartition(topic, partition)], timeout=10)
        finally:
            consumer.close()
        return found.offset if found.offset >= 0 else None


def install(kafka: FakeKafka, patch: pytest.MonkeyPatch) -> FakeKafka:
    """Let the writer create fake clients."""
    patch.setattr("writer.pipeline.consumer.Consumer", functools.partial(FakeConsumer, kafka))
    patch.setattr("writer.pipeline.dead_letters.Producer", functools.partial(FakeProducer, kafka))
    return kafka
