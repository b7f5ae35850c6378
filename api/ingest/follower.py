"""Follows `derived-metrics` from fifteen minutes back: every partition, without a consumer group."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from api.ingest.backlog import Backlog
from api.ingest.freshness import Progress
from api.store.packed_batch import PackedBatch, pack
from api.store.store import SPAN_NS
from runtime.duration import NS_PER_MS
from runtime.errors import UnavailableError
from runtime.kafka import KafkaSettings, client_log, client_settings
from schemas.codec import UndecodableError
from schemas.metric_batch import decode_batch
from schemas.topics import Topic

log = logging.getLogger(__name__)

QUEUE_KBYTES: Final = 4 * 1024  # prefetch limit of all partitions together
FETCH_BYTES: Final = 1024 * 1024  # one response of a broker, compressed; a larger record is still fetched
PARTITION_FETCH_BYTES: Final = 256 * 1024
_TIMEOUT_S: Final = 5.0
_POLL_S: Final = 0.5
_LOOK_EVERY_S: Final = 1.0
_ASK_EVERY_S: Final = 5.0
_OTHER_CLUSTERS_TOLD: Final = 5

Deliver: TypeAlias = Callable[[PackedBatch | Progress], None]
_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowConfig:
    """Which topic and cluster to follow."""

    kafka: KafkaSettings
    cluster: str
    topic: Topic


class Follower:
    """Reads, decodes, packs and delivers batches; reports its progress about once a second."""

    def __init__(self, config: FollowConfig, deliver: Deliver, stopped: threading.Event) -> None:
        """Read nothing before `run`."""
        self._config = config
        self._deliver = deliver
        self._stopped = stopped
        self._backlog = Backlog()
        self._partitions: set[int] = set()
        self._other_clusters: set[str] = set()
        self._rejected = 0
        self._error: str | None = None
        self._looked_s = self._asked_s = float("-inf")

    def run(self) -> None:
        """Follow until stopped; reconnects when Kafka is unavailable."""
        consumer = Consumer(_settings(self._config), logger=client_log)
        try:
            while not self._stopped.is_set():
                self._look(consumer)
                if self._partitions:
                    self._take(consumer.poll(_POLL_S))
                else:
                    self._stopped.wait(_POLL_S)
        finally:
            consumer.close()

    def _look(self, consumer: Consumer) -> None:
        """Find partitions and their ends, and report; rarely, as a request to Kafka waits behind a fetch."""
        if time.monotonic() - self._looked_s < _LOOK_EVERY_S:
            return
        if time.monotonic() - self._asked_s >= _ASK_EVERY_S or not self._partitions:
            try:
                self._find_partitions(consumer)
                self._error = None
            except UnavailableError as error:
                self._error = str(error)
            self._asked_s = time.monotonic()
        self._backlog.ended(self._ends(consumer), time.monotonic())
        self._tell()
        self._looked_s = time.monotonic()

    def _tell(self) -> None:
        self._deliver(
            Progress(
                started=bool(self._partitions),
                partitions=len(self._partitions),
                behind=self._backlog.behind(time.monotonic()),
                records_behind=self._backlog.records,
                error=self._error,
                other_clusters=tuple(sorted(self._other_clusters)),
                rejected=self._rejected,
                told_ns=time.time_ns(),
            )
        )

    def _find_partitions(self, consumer: Consumer) -> None:
        """Start reading partitions that are new; at first, all."""
        found = _asked(lambda: consumer.list_topics(self._config.topic.name, timeout=_TIMEOUT_S))
        described = found.topics[self._config.topic.name]
        if described.error is not None:
            raise UnavailableError(f"cannot read topic {self._config.topic.name}: {described.error.str()}")
        leaderless = sorted(each for each, found in described.partitions.items() if found.leader < 0)
        if leaderless:
            raise UnavailableError(f"partitions of {self._config.topic.name} without a leader: {leaderless}")
        new = sorted(set(described.partitions) - self._partitions)
        if not new:
            return
        since_ms = (time.time_ns() - SPAN_NS) // NS_PER_MS
        asked = [TopicPartition(self._config.topic.name, partition, since_ms) for partition in new]
        positions = _asked(lambda: consumer.offsets_for_times(asked, timeout=_TIMEOUT_S))
        for position in positions:
            low, high = _bounds(consumer, position)
            position.offset = max(position.offset, low) if position.offset >= 0 else high
            self._backlog.begin(position.partition, position.offset, high)
        consumer.incremental_assign(positions)
        self._partitions.update(new)
        log.info("following", extra={"topic": self._config.topic.name, "partitions": new})

    def _ends(self, consumer: Consumer) -> dict[int, int]:
        """Return the end offsets of partitions, known from fetch responses without a request."""
        ends = {}
        for partition in self._partitions:
            known = consumer.get_watermark_offsets(TopicPartition(self._config.topic.name, partition), cached=True)
            if known is not None and known[1] >= 0:
                ends[partition] = known[1]
        return ends

    def _take(self, message: Message | None) -> None:
        if message is None:
            return
        if error := message.error():
            if error.fatal():
                raise KafkaException(error)
            log.warning("Kafka", extra={"error": error.str()})
            return
        self._backlog.read(message.partition() or 0, message.offset() or 0)
        try:
            batch = decode_batch(message.value())
        except UndecodableError as error:  # the writer sends it to the dead-letter topic
            self._rejected += 1
            log.warning(
                "not read", extra={"partition": message.partition(), "offset": message.offset(), "error": str(error)}
            )
            return
        if batch.cluster == self._config.cluster:
            self._deliver(pack(batch))
        elif len(self._other_clusters) < _OTHER_CLUSTERS_TOLD:
            self._other_clusters.add(batch.cluster)


def _settings(config: FollowConfig) -> dict[str, str | int | float | bool]:
    return client_settings(config.kafka, "heapster-stream-api") | {
        "group.id": config.kafka.prefixed("heapster-stream-api"),  # librdkafka requires one; the group is never joined
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "fetch.max.bytes": FETCH_BYTES,
        "fetch.message.max.bytes": PARTITION_FETCH_BYTES,
        "queued.max.messages.kbytes": QUEUE_KBYTES,
    }


def _bounds(consumer: Consumer, partition: TopicPartition) -> tuple[int, int]:
    """Return the first kept offset and the end."""
    return _asked(lambda: consumer.get_watermark_offsets(partition, timeout=_TIMEOUT_S))


def _asked(ask: Callable[[], _Answer]) -> _Answer:
    try:
        return ask()
    except KafkaException as error:
        reason: KafkaError = error.args[0]
        raise UnavailableError(reason.str()) from error
