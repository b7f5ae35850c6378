"""Kafka consumer of one sink: the records of `derived-metrics`, with bounded memory."""

import logging
from collections import deque
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from types import TracebackType
from typing import Final, Self, cast

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.cimpl import Message

from runtime.kafka import KafkaSettings, client_log, consumer_settings
from writer.pipeline.write_batch import Record

log = logging.getLogger(__name__)

QUEUE_KBYTES: Final = 16 * 1024  # prefetched, all partitions together
FETCH_BYTES: Final = 1024 * 1024  # per fetch response, compressed; a larger record still arrives
PARTITION_FETCH_BYTES: Final = 256 * 1024
_OFFSETS_TIMEOUT_S: Final = 2.0


class RecordConsumer:
    """Member of the sink's consumer group; returns the records of its partitions in order.

    While paused it fetches nothing, but `poll_paused` keeps the session and the assignment.
    """

    def __init__(
        self, kafka: KafkaSettings, group: str, topic: str, on_revoked: Callable[[AbstractSet[int]], None]
    ) -> None:
        """Join the group; `on_revoked` is called with partitions before another member gets them."""
        settings = consumer_settings(kafka, group, group) | {
            "partition.assignment.strategy": "cooperative-sticky",
            "queued.max.messages.kbytes": QUEUE_KBYTES,
            "fetch.max.bytes": FETCH_BYTES,
            "fetch.message.max.bytes": PARTITION_FETCH_BYTES,
        }
        self._topic = topic
        self._on_revoked = on_revoked
        self._paused = False
        self._start_offsets: dict[int, int] = {}  # by partition
        self.partitions: frozenset[int] = frozenset()  # the current assignment
        self._buffered: deque[Message] = deque()  # arrived while paused
        self._consumer = Consumer(settings, logger=client_log)
        self._consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the group, so that its partitions are reassigned before the session times out."""
        self._consumer.close()

    def poll(self, timeout_s: float) -> Record | None:
        """Return the next record, None if none arrives within the timeout."""
        message = self._buffered.popleft() if self._buffered else self._poll(timeout_s)
        return None if message is None else _record(message)

    def pause(self) -> None:
        """Stop fetching."""
        self._paused = True
        self._consumer.pause(self._consumer.assignment())

    def poll_paused(self) -> None:
        """While paused: keep the session alive and take part in rebalances."""
        message = self._poll(0)
        if message is not None:  # not seen in practice; dropped, it would be lost with the next commit
            self._buffered.append(message)

    def resume(self) -> None:
        """Fetch again."""
        self._paused = False
        self._consumer.resume(self._consumer.assignment())

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit offsets by partition, synchronously. A failure is only logged: the next owner repeats the write."""
        if not offsets:
            return
        positions = [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]
        try:
            self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            found = {"error": error.args[0].str(), "offsets": dict(offsets)}
            log.warning("offset commit failed; the records may be written again, to the same points", extra=found)

    def lag(self) -> int:
        """Consumer lag in records over all assigned partitions, from the cached high watermarks."""
        records = 0
        for position in self._consumer.position(self._consumer.assignment()):
            low, high = self._consumer.get_watermark_offsets(position, cached=True) or (0, 0)
            offset = position.offset if position.offset >= 0 else self._start_offsets.get(position.partition, low)
            records += max(0, high - max(offset, low))
        return records

    def _poll(self, timeout_s: float) -> Message | None:
        message = self._consumer.poll(timeout_s)
        error = None if message is None else message.error()
        if error is None:
            return message
        if error.fatal():
            raise KafkaException(error)
        log.warning("Kafka consumer error; the client retries", extra={"error": error.str()})
        return None

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._fetch_offsets(consumer, partitions)
        consumer.incremental_assign(partitions)
        if self._paused and partitions:
            consumer.pause(partitions)
        self.partitions |= {each.partition for each in partitions}
        if partitions:
            log.info("partitions assigned", extra={"partitions": sorted(each.partition for each in partitions)})

    def _fetch_offsets(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Fetch committed offsets and watermarks for `lag`: without this each is known only after its first fetch."""
        try:
            for committed in consumer.committed(partitions, timeout=_OFFSETS_TIMEOUT_S):
                self._start_offsets[committed.partition] = max(0, committed.offset)
                if consumer.get_watermark_offsets(committed, timeout=_OFFSETS_TIMEOUT_S) is None:
                    return
        except KafkaException as error:
            log.debug("consumer lag not known yet", extra={"error": error.args[0].str()})

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        revoked = frozenset(each.partition for each in partitions)
        self._buffered = deque(message for message in self._buffered if message.partition() not in revoked)
        self.partitions -= revoked
        self._on_revoked(revoked)
        log.info("partitions revoked", extra={"partitions": sorted(revoked)})


def _record(message: Message) -> Record:
    kind, time_ms = message.timestamp()
    return Record(
        topic=cast("str", message.topic()),
        partition=cast("int", message.partition()),
        offset=cast("int", message.offset()),
        key=message.key(),
        value=message.value(),
        time_ms=time_ms if kind else None,
    )
