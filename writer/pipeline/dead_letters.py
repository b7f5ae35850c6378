"""Dead letters of the writer: undecodable records, and records with lines that the sink refuses."""

import logging
import time
from collections.abc import Callable, Iterable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka.cimpl import Message

from runtime.dead_letter import SINK, headers, left_out
from runtime.kafka import KafkaSettings, client_log, producer_settings
from schemas.topics import MAX_RECORD_BYTES
from writer import telemetry
from writer.pipeline.write_batch import DeadLetter

log = logging.getLogger(__name__)

REFUSED_LINES: Final = "refused-lines"  # up to 64 KiB, each with its line break
REFUSED_COUNT: Final = "refused-count"
_LINES_BYTES: Final = 64 * 1024
_HEADERS_BYTES: Final = _LINES_BYTES + 16 * 1024
_RETRY_AFTER_S: Final = 1.0


class DeadLetterProducer:
    """Sends dead letters to Kafka, retrying until each is acknowledged."""

    def __init__(self, kafka: KafkaSettings, topic: str, sink: str) -> None:
        """Create the producer; `sink` is the name of the sink that refuses the records."""
        settings = producer_settings(kafka, f"heapster-writer-{sink}") | {
            "message.max.bytes": MAX_RECORD_BYTES + _HEADERS_BYTES
        }
        self._producer = Producer(settings, logger=client_log)
        self._topic = topic
        self._sink = sink
        self._unacknowledged = 0
        self._failed: list[tuple[DeadLetter, float]] = []  # with the time of the next attempt

    def send(self, dead_letters: Iterable[DeadLetter]) -> None:
        """Start sending; call `all_acknowledged` to wait for Kafka."""
        for dead_letter in dead_letters:
            self._unacknowledged += 1
            self._produce(dead_letter, dead_letter.record.value)
            telemetry.dead_letters.labels(self._sink, "refused" if dead_letter.lines else "undecodable").inc()
            log.warning("dead letter sent", extra=self._origin(dead_letter) | {"reason": dead_letter.reason})

    def all_acknowledged(self, timeout_s: float) -> bool:
        """Wait up to the timeout; whether Kafka has acknowledged every dead letter."""
        ends_at = time.monotonic() + timeout_s
        while self._unacknowledged and (left_s := ends_at - time.monotonic()) > 0:
            self._producer.poll(left_s)
            self._retry_failed()
        return not self._unacknowledged

    def _produce(self, dead_letter: DeadLetter, value: bytes | None) -> None:
        record = dead_letter.record
        values = headers(
            dead_letter.reason, topic=record.topic, partition=record.partition, offset=record.offset, by="writer"
        ) | {SINK: self._sink.encode()}
        if dead_letter.lines:
            values[REFUSED_COUNT] = str(len(dead_letter.lines)).encode()
            values[REFUSED_LINES] = _first_lines(dead_letter.lines)
        if value is None and record.value is not None:
            values |= left_out(len(record.value))
        on_delivery = self._on_delivery(dead_letter)
        try:
            self._producer.produce(
                self._topic, key=record.key, value=value, headers=list(values.items()), on_delivery=on_delivery
            )
        except KafkaException as error:
            if value is None or not _is_too_large(error.args[0]):
                raise
            self._produce(dead_letter, None)

    def _on_delivery(self, dead_letter: DeadLetter) -> Callable[[KafkaError | None, Message], None]:
        def delivered(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                self._unacknowledged -= 1
            elif _is_too_large(error):
                self._produce(dead_letter, None)
            else:
                log.error("dead letter not sent; retrying", extra=self._origin(dead_letter) | {"error": error.str()})
                self._failed.append((dead_letter, time.monotonic() + _RETRY_AFTER_S))

        return delivered

    def _retry_failed(self) -> None:
        now = time.monotonic()
        due = [dead_letter for dead_letter, at in self._failed if at <= now]
        self._failed = [(dead_letter, at) for dead_letter, at in self._failed if at > now]
        for dead_letter in due:
            self._produce(dead_letter, dead_letter.record.value)

    def _origin(self, dead_letter: DeadLetter) -> dict[str, object]:
        record = dead_letter.record
        return {
            "sink": self._sink,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "lines": len(dead_letter.lines),
        }


def _is_too_large(error: KafkaError) -> bool:
    """Whether only a dead letter without its value fits; the record itself stays in its topic until retention."""
    return error.code() == KafkaError.MSG_SIZE_TOO_LARGE


def _first_lines(lines: Iterable[str]) -> bytes:
    kept = bytearray()
    for line in lines:
        encoded = f"{line}\n".encode()
        if len(kept) + len(encoded) > _LINES_BYTES:
            break
        kept += encoded
    return bytes(kept)
