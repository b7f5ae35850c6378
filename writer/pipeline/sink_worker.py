"""Consume: from `derived-metrics` into one sink. Offsets are committed once the sink has taken the points."""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final, Self

from runtime.health import Health
from runtime.kafka import ABSENT_S, KafkaSettings
from schemas.topics import Topic, topics
from writer import telemetry
from writer.pipeline.batch_versions import NewestVersions
from writer.pipeline.consumer import RecordConsumer
from writer.pipeline.dead_letters import DeadLetters
from writer.pipeline.delivery import Delivery, Refusal
from writer.pipeline.greeting import check_sink
from writer.pipeline.outage_log import OutageLog
from writer.pipeline.worker_status import WorkerStatus
from writer.pipeline.write_batch import DeadLetter, Record, WriteBatch
from writer.pipeline.write_requests import MAX_POINTS
from writer.sinks.sink import Sink

log = logging.getLogger(__name__)

GROUP_PREFIX: Final = "heapster-writer-"
STOP_GRACE_S: Final = 3.0  # for the write in hand, once we are to stop
_FIRST_RECORD_S: Final = 0.5
_LINGER_S: Final = 0.1  # more records may come: fewer, larger requests
_UNPAUSED_S: Final = 1.0  # a write that takes longer pauses the partitions: a pause throws away what was fetched
_SERVE_EVERY_S: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class WriterConfig:
    """Where a writer reads, and where its dead letters go; all workers with one sink are one consumer group."""

    kafka: KafkaSettings
    source: Topic
    dead_letter: Topic
    group_prefix: str = GROUP_PREFIX

    @classmethod
    def live(cls, kafka: KafkaSettings) -> Self:
        """That of the live pipeline."""
        live = topics(kafka.prefix)
        return cls(
            kafka=kafka,
            source=live.derived_metrics,
            dead_letter=live.derived_metrics_dead_letter,
            group_prefix=kafka.named(GROUP_PREFIX),
        )


class LapsedError(Exception):
    """We were away for so long that our session may be over: others have our partitions, and newer points."""


class SinkWorker:
    """Reads for one sink, in one thread, so that one sink's outage holds back no other.

    In memory at most: what `Intake` has fetched ahead, and one `Hand`.
    """

    def __init__(self, config: WriterConfig, sink: Sink, stopped: threading.Event, health: Health) -> None:
        """Nothing is read before `run`."""
        self._config = config
        self._sink = sink
        self._stopped = stopped
        self._outage = OutageLog(sink.name)
        self._standing = WorkerStatus(sink.name, self._outage, health)
        self._versions = NewestVersions()
        self._dead_letters = DeadLetters(config.kafka, config.dead_letter.name, sink.name)
        self._hand = self._empty_hand()
        self._delivery: Delivery | None = None
        self._beat_at = time.monotonic()
        self._lapsed = False
        self._stop_at: float | None = None

    def run(self) -> None:
        """Write until told to stop; then finish the write in hand if it takes no longer than a moment."""
        group = self._config.group_prefix + self._sink.name
        threading.Thread(target=check_sink, args=(self._sink, self._outage, self._stopped), daemon=True).start()
        while not self._stopped.is_set():
            self._begin_session()
            try:
                with RecordConsumer(self._config.kafka, group, self._config.source.name, self._on_revoked) as intake:
                    while not self._stopped.is_set():
                        self._fill(intake)
                        if len(self._hand) and not self._write(intake):
                            break
            except LapsedError:
                log.warning(
                    "away for longer than a session allows: beginning again from what is committed",
                    extra={"sink": self._sink.name, "longest_s": ABSENT_S},
                )

    def _begin_session(self) -> None:
        self._beat_at = time.monotonic()
        self._lapsed = False

    def _empty_hand(self) -> WriteBatch:
        return WriteBatch(self._sink.render, self._versions, max_points=MAX_POINTS * self._sink.concurrency)

    def _fill(self, intake: RecordConsumer) -> None:
        self._hand = self._empty_hand()
        self._standing.report(intake)
        record: Record | None = intake.next(_FIRST_RECORD_S)
        until = time.monotonic() + _LINGER_S
        while record is not None:
            self._beat()
            self._hand.add(record)
            if self._hand.full:
                return
            record = intake.next(max(0.0, until - time.monotonic()))
        self._beat()

    def _write(self, intake: RecordConsumer) -> bool:
        """Whether the hand is written and committed; if not, we are to stop."""
        hand, began_at = self._hand, time.monotonic()
        telemetry.oldest_uncommitted.labels(self._sink.name).set((hand.oldest_ms or 0) / 1000)
        delivery = self._delivery = Delivery(hand.requests(), self._sink, self._outage, may_send=self._in_session)
        try:
            if not self._attend(intake, delivery.wait):
                return False
        finally:
            delivery.abandon()
        self._dead_letters.send([*hand.letters, *_letters(hand, delivery.refusals)])
        if not self._attend(intake, self._dead_letters.settled):
            return False
        intake.commit(hand.offsets)
        self._standing.written(hand, delivery.points, intake.lag(), time.monotonic() - began_at)
        return True

    def _attend(self, intake: RecordConsumer, done: Callable[[float], bool]) -> bool:
        """Serve Kafka until something is done; False if we are to stop and it has had its moment."""
        if done(_UNPAUSED_S):
            return True
        intake.pause()
        try:
            while not done(_SERVE_EVERY_S):
                if self._out_of_grace():
                    return False
                self._beat()
                intake.serve()
                self._standing.report(intake)
            return True
        finally:
            intake.resume()

    def _out_of_grace(self) -> bool:
        if not self._stopped.is_set():
            return False
        if self._stop_at is None:
            self._stop_at = time.monotonic() + STOP_GRACE_S
        return time.monotonic() >= self._stop_at

    def _beat(self) -> None:
        """Tell that we are awake. Raises LapsedError: we may have lost our session."""
        if self._lapsed or not self._in_session():
            raise LapsedError
        self._beat_at = time.monotonic()

    def _in_session(self) -> bool:
        return time.monotonic() - self._beat_at <= ABSENT_S

    def _on_revoked(self, partitions: AbstractSet[int]) -> None:
        """Let go of partitions; returns when nothing of theirs is in flight, as a newer batch may be written next."""
        self._hand.drop(partitions)
        if self._delivery is None:
            return
        self._delivery.drop(partitions)
        while self._delivery.in_flight(partitions, _SERVE_EVERY_S) and not self._out_of_grace():
            self._lapsed = self._lapsed or not self._in_session()
            self._beat_at = time.monotonic()


def _letters(hand: WriteBatch, refusals: Iterable[Refusal]) -> list[DeadLetter]:
    """One letter a record, with all its refused lines."""
    lines: defaultdict[Record, list[str]] = defaultdict(list)
    messages: dict[Record, str] = {}
    for piece, message in refusals:
        record = hand.record(piece)
        if record is not None:
            lines[record].extend(piece.lines)
            messages.setdefault(record, message)
    return [DeadLetter(record, messages[record], tuple(refused)) for record, refused in lines.items()]
