"""Worker of one sink: reads `derived-metrics`, writes to the sink, and commits offsets once the points are written."""

import logging
import threading
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Self

from runtime.errors import UnavailableError
from runtime.health import Health
from runtime.kafka import MAX_POLL_GAP_S, KafkaSettings
from schemas.topics import Topic, topics
from writer import telemetry
from writer.pipeline.batch_versions import NewestVersions
from writer.pipeline.consumer import RecordConsumer
from writer.pipeline.dead_letters import DeadLetterProducer
from writer.pipeline.delivery import Delivery
from writer.pipeline.outage_log import OutageLog
from writer.pipeline.worker_status import WorkerStatus
from writer.pipeline.write_batch import WriteBatch
from writer.pipeline.write_requests import MAX_POINTS
from writer.sinks.sink import Sink

log = logging.getLogger(__name__)

GROUP_PREFIX: Final = "heapster-writer-"
STOP_GRACE_S: Final = 3.0  # for the current write, from the signal to stop
_FIRST_RECORD_S: Final = 0.5
_LINGER_S: Final = 0.1  # wait for more records: fewer, larger requests
_PAUSE_AFTER_S: Final = 1.0  # a shorter write does not pause the partitions: pausing discards prefetched records
_POLL_EVERY_S: Final = 0.2
_PREPARE_AGAIN_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterConfig:
    """Topics and consumer group of a writer; all workers of one sink are one consumer group."""

    kafka: KafkaSettings
    source: Topic
    dead_letter: Topic
    group_prefix: str = GROUP_PREFIX

    @classmethod
    def live(cls, kafka: KafkaSettings) -> Self:
        """Config of the live pipeline."""
        live = topics(kafka.prefix)
        return cls(
            kafka=kafka,
            source=live.derived_metrics,
            dead_letter=live.derived_metrics_dead_letter,
            group_prefix=kafka.prefixed(GROUP_PREFIX),
        )


class SessionLostError(Exception):
    """The Kafka session may have expired: other workers may own the partitions and may have written newer points."""


class SinkWorker:
    """Writes to one sink from its own thread, so that an outage of one sink does not delay the others.

    Memory is bounded by what `RecordConsumer` prefetches and by one `WriteBatch`.
    """

    def __init__(self, config: WriterConfig, sink: Sink, stopped: threading.Event, health: Health) -> None:
        """Connect to nothing before `run`; `stopped` ends it."""
        self._config = config
        self._sink = sink
        self._stopped = stopped
        self._outage = OutageLog(sink.name)
        self._status = WorkerStatus(sink.name, self._outage, health)
        self._versions = NewestVersions()
        self._dead_letters = DeadLetterProducer(config.kafka, config.dead_letter.name, sink.name)
        self._write_batch = self._new_write_batch()
        self._delivery: Delivery | None = None
        self._polled_at = time.monotonic()
        self._session_lost = False
        self._stop_at: float | None = None

    def run(self) -> None:
        """Write until `stopped` is set; then finish the current write if that takes no longer than STOP_GRACE_S."""
        group = self._config.group_prefix + self._sink.name
        threading.Thread(target=prepare_sink, args=(self._sink, self._outage, self._stopped), daemon=True).start()
        while not self._stopped.is_set():
            self._polled_at, self._session_lost = time.monotonic(), False
            try:
                with RecordConsumer(self._config.kafka, group, self._config.source.name, self._on_revoked) as consumer:
                    while not self._stopped.is_set():
                        self._read(consumer)
                        if len(self._write_batch) and not self._write(consumer):
                            break
            except SessionLostError:
                log.warning(
                    "process was suspended for longer than the Kafka session allows:"
                    " rejoining the consumer group at the committed offsets",
                    extra={"sink": self._sink.name, "longest_s": MAX_POLL_GAP_S},
                )

    def _new_write_batch(self) -> WriteBatch:
        return WriteBatch(self._sink.render, self._versions, max_points=MAX_POINTS * self._sink.concurrency)

    def _read(self, consumer: RecordConsumer) -> None:
        """Fill a new write batch with the records that are available, up to its limits."""
        self._write_batch = self._new_write_batch()
        self._status.report(consumer)
        record = consumer.poll(_FIRST_RECORD_S)
        linger_until = time.monotonic() + _LINGER_S
        while record is not None:
            self._keep_session()
            self._write_batch.add(record)
            if self._write_batch.full:
                return
            record = consumer.poll(max(0.0, linger_until - time.monotonic()))
        self._keep_session()

    def _write(self, consumer: RecordConsumer) -> bool:
        """Write and commit the write batch; False if the worker has to stop before that is done."""
        write_batch, began_at = self._write_batch, time.monotonic()
        telemetry.oldest_uncommitted.labels(self._sink.name).set((write_batch.oldest_ms or 0) / 1000)
        requests = write_batch.requests()
        delivery = self._delivery = Delivery(requests, self._sink, self._outage, may_send=self._in_session)
        try:
            if not self._wait(consumer, delivery.wait):
                return False
        finally:
            delivery.abandon()
        self._dead_letters.send(write_batch.dead_letters(delivery.refusals))
        if not self._wait(consumer, self._dead_letters.all_acknowledged):
            return False
        consumer.commit(write_batch.offsets)
        self._status.committed(write_batch, delivery.points, consumer.lag(), time.monotonic() - began_at)
        return True

    def _wait(self, consumer: RecordConsumer, done: Callable[[float], bool]) -> bool:
        """Keep polling Kafka until `done`; False if the worker has to stop and its grace period is over."""
        if done(_PAUSE_AFTER_S):
            return True
        consumer.pause()
        try:
            while not done(_POLL_EVERY_S):
                if self._grace_is_over():
                    return False
                self._keep_session()
                consumer.poll_paused()
                self._status.report(consumer)
            return True
        finally:
            consumer.resume()

    def _grace_is_over(self) -> bool:
        if not self._stopped.is_set():
            return False
        if self._stop_at is None:
            self._stop_at = time.monotonic() + STOP_GRACE_S
        return time.monotonic() >= self._stop_at

    def _keep_session(self) -> None:
        """Note that the worker polls Kafka. Raises SessionLostError: the session may have expired before."""
        if self._session_lost or not self._in_session():
            raise SessionLostError
        self._polled_at = time.monotonic()

    def _in_session(self) -> bool:
        return time.monotonic() - self._polled_at <= MAX_POLL_GAP_S

    def _on_revoked(self, partitions: AbstractSet[int]) -> None:
        """Drop partitions and wait for requests in flight: the next owner may write a newer batch right after."""
        self._write_batch.drop(partitions)
        if self._delivery is None:
            return
        self._delivery.drop(partitions)
        while self._delivery.in_flight(partitions, _POLL_EVERY_S) and not self._grace_is_over():
            self._session_lost = self._session_lost or not self._in_session()
            self._polled_at = time.monotonic()


def prepare_sink(sink: Sink, outage: OutageLog, stopped: threading.Event) -> None:
    """Prepare the sink, retrying until it succeeds, so that a wrong password is logged at start-up."""
    while not stopped.is_set():
        try:
            sink.prepare()
        except UnavailableError as error:
            outage.failed(error)
            stopped.wait(max(_PREPARE_AGAIN_S, error.retry_after_s or 0.0))
        else:
            outage.succeeded()
            return
