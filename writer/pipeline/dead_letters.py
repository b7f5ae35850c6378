"""Dead letters of the writer: records that cannot be read, and records of which InfluxDB refuses lines."""

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

REFUSED_LINES: Final = "refused-lines"  # as many as fit, each with its end
REFUSED_COUNT: Final = "refused-count"
_LINES_BYTES: Final = 64 * 1024
_HEADERS_BYTES: Final = _LINES_BYTES + 16 * 1024
_AGAIN_AFTER_S: Final = 1.0


class DeadLetters:
    """Sends dead letters until Kafka has each; one hand's at a time."""

    def __init__(self, kafka: KafkaSettings, topic: str, sink: str) -> None:
        """A producer of its own: few letters, that must not be lost."""
        settings = producer_settings(kafka, f"heapster-writer-{sink}") | {
            "message.max.bytes": MAX_RECORD_BYTES + _HEADERS_BYTES
        }
        self._producer = Producer(settings, logger=client_log)
        self._topic = topic
        self._sink = sink
        self._unsettled = 0
        self._failed: list[tuple[DeadLetter, float]] = []  # and when it is to be tried again

    def send(self, letters: Iterable[DeadLetter]) -> None:
        """Begin to send; `settled` tells when Kafka has them."""
        for letter in letters:
            self._unsettled += 1
            self._produce(letter, letter.record.value)
            telemetry.dead_letters.labels(self._sink, "refused" if letter.lines else "undecodable").inc()
            log.warning("dead letter", extra=self._where(letter) | {"reason": letter.reason})

    def settled(self, timeout_s: float) -> bool:
        """Whether Kafka has acknowledged all of them after waiting for so long at most."""
        ends_at = time.monotonic() + timeout_s
        while self._unsettled and (left_s := ends_at - time.monotonic()) > 0:
            self._producer.poll(left_s)
            self._try_failed_again()
        return not self._unsettled

    def _produce(self, letter: DeadLetter, value: bytes | None) -> None:
        record = letter.record
        told = headers(
            letter.reason, topic=record.topic, partition=record.partition, offset=record.offset, by="writer"
        ) | {SINK: self._sink.encode()}
        if letter.lines:
            told[REFUSED_COUNT] = str(len(letter.lines)).encode()
            told[REFUSED_LINES] = _as_many_as_fit(letter.lines)
        if value is None and record.value is not None:
            told |= left_out(len(record.value))
        try:
            self._producer.produce(
                self._topic, key=record.key, value=value, headers=list(told.items()), on_delivery=self._answer(letter)
            )
        except KafkaException as error:
            if value is None or not _is_too_large(error.args[0]):
                raise
            self._produce(letter, None)

    def _answer(self, letter: DeadLetter) -> Callable[[KafkaError | None, Message], None]:
        def answered(error: KafkaError | None, _message: Message) -> None:
            if error is None:
                self._unsettled -= 1
            elif _is_too_large(error):
                self._produce(letter, None)
            else:
                log.error("dead letter not taken, trying again", extra=self._where(letter) | {"error": error.str()})
                self._failed.append((letter, time.monotonic() + _AGAIN_AFTER_S))

        return answered

    def _try_failed_again(self) -> None:
        now = time.monotonic()
        due = [letter for letter, at in self._failed if at <= now]
        self._failed = [(letter, at) for letter, at in self._failed if at > now]
        for letter in due:
            self._produce(letter, letter.record.value)

    def _where(self, letter: DeadLetter) -> dict[str, object]:
        record = letter.record
        return {
            "sink": self._sink,
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "lines": len(letter.lines),
        }


def _is_too_large(error: KafkaError) -> bool:
    """Whether Kafka takes the letter without its value only; the record itself stays in its topic for a while."""
    return error.code() == KafkaError.MSG_SIZE_TOO_LARGE


def _as_many_as_fit(lines: Iterable[str]) -> bytes:
    kept = bytearray()
    for line in lines:
        encoded = f"{line}\n".encode()
        if len(kept) + len(encoded) > _LINES_BYTES:
            break
        kept += encoded
    return bytes(kept)
