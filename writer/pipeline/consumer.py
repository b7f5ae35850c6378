"""Intake: one sink's consumer of `derived-metrics`, with the memory it may take."""

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

QUEUE_KBYTES: Final = 16 * 1024  # fetched ahead, all partitions together
FETCH_BYTES: Final = 1024 * 1024  # one answer of a broker, compressed; a greater record still passes
PARTITION_FETCH_BYTES: Final = 256 * 1024
_LEARN_TIMEOUT_S: Final = 2.0


class RecordConsumer:
    """The partitions that are ours, and their records in order.

    While paused nothing is fetched, but Kafka keeps seeing us: session and assignment hold.
    """

    def __init__(
        self, kafka: KafkaSettings, group: str, topic: str, revoked: Callable[[AbstractSet[int]], None]
    ) -> None:
        """Join the group; `revoked` is told of partitions before they go to somebody else."""
        settings = consumer_settings(kafka, group, group) | {
            "partition.assignment.strategy": "cooperative-sticky",
            "queued.max.messages.kbytes": QUEUE_KBYTES,
            "fetch.max.bytes": FETCH_BYTES,
            "fetch.message.max.bytes": PARTITION_FETCH_BYTES,
        }
        self._topic = topic
        self._revoked = revoked
        self._paused = False
        self._starts: dict[int, int] = {}  # by partition
        self.partitions: frozenset[int] = frozenset()  # ours now
        self._held: deque[Message] = deque()
        self._consumer = Consumer(settings, logger=client_log)
        self._consumer.subscribe([topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke)

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Leave the group, so that others need not wait for the session to end."""
        self._consumer.close()

    def next(self, timeout_s: float) -> Record | None:
        """The next record, None if none has come after so long."""
        message = self._held.popleft() if self._held else self._poll(timeout_s)
        return None if message is None else _record(message)

    def pause(self) -> None:
        """Fetch nothing for now."""
        self._paused = True
        self._consumer.pause(self._consumer.assignment())

    def serve(self) -> None:
        """While paused: let Kafka see that we live, and take part in rebalances."""
        message = self._poll(0)
        if message is not None:  # never seen; kept all the same, for a lost one would be committed over
            self._held.append(message)

    def resume(self) -> None:
        """Fetch again."""
        self._paused = False
        self._consumer.resume(self._consumer.assignment())

    def commit(self, offsets: Mapping[int, int]) -> None:
        """Commit, and wait for it. A failure is logged only: the records would be written again, to the same points."""
        if not offsets:
            return
        positions = [TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()]
        try:
            self._consumer.commit(offsets=positions, asynchronous=False)
        except KafkaException as error:
            log.warning("offsets not committed", extra={"error": error.args[0].str(), "offsets": dict(offsets)})

    def lag(self) -> int:
        """Records of our partitions that have not been taken yet, as far as the last answers of Kafka tell."""
        records = 0
        for position in self._consumer.position(self._consumer.assignment()):
            begin, end = self._consumer.get_watermark_offsets(position, cached=True) or (0, 0)
            taken = position.offset if position.offset >= 0 else self._starts.get(position.partition, begin)
            records += max(0, end - max(taken, begin))
        return records

    def _poll(self, timeout_s: float) -> Message | None:
        message = self._consumer.poll(timeout_s)
        error = None if message is None else message.error()
        if error is None:
            return message
        if error.fatal():
            raise KafkaException(error)
        log.warning("Kafka", extra={"error": error.str()})
        return None

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._learn_ends(consumer, partitions)
        consumer.incremental_assign(partitions)
        if self._paused and partitions:
            consumer.pause(partitions)
        self.partitions |= {each.partition for each in partitions}
        if partitions:
            log.info("partitions assigned", extra={"partitions": sorted(each.partition for each in partitions)})

    def _learn_ends(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Where partitions begin for us and end now, for the lag: fetching tells it of each only bit by bit."""
        try:
            for committed in consumer.committed(partitions, timeout=_LEARN_TIMEOUT_S):
                self._starts[committed.partition] = max(0, committed.offset)
                if consumer.get_watermark_offsets(committed, timeout=_LEARN_TIMEOUT_S) is None:
                    return
        except KafkaException as error:
            log.debug("lag not known yet", extra={"error": error.args[0].str()})

    def _on_revoke(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        gone = frozenset(each.partition for each in partitions)
        self._held = deque(message for message in self._held if message.partition() not in gone)
        self.partitions -= gone
        self._revoked(gone)
        log.info("partitions revoked", extra={"partitions": sorted(gone)})


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
