"""`heapster-stream dead-letters`: list and show rejected records, and send them again."""

from contextlib import suppress
from typing import Any, Final

import click
from confluent_kafka import Producer

from heapster_stream.dead_letter_records import DeadLetter, read_dead_letter, read_dead_letters, requeued_origins
from runtime import dead_letter, flags
from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import KafkaSettings, client_log, producer_settings
from runtime.logs import LogSettings
from runtime.shutdown import exit_on_ctrl_c

_FLUSH_S: Final = 30.0
_SHOWN_BYTES: Final = 512


@click.group("dead-letters", context_settings=flags.CONTEXT)
def dead_letters() -> None:
    """List and show rejected records (dead letters), and send them again once the cause is fixed.

    A dead letter is identified by TOPIC/PARTITION/OFFSET, as shown by `list`. Kafka keeps dead letters until the
    retention of their topic ends.
    """
    exit_on_ctrl_c()
    LogSettings("critical").start()  # errors are raised and printed


@dead_letters.command("list", context_settings=flags.CONTEXT)
@flags.kafka_flags
def list_records(kafka: KafkaSettings) -> None:
    """Print one line per dead letter: its id, time of rejection, service and sink, key, and reason.

    Dead letters whose record was sent again are marked. A record that two sinks rejected has two dead letters.
    """
    requeued = requeued_origins(kafka)
    count = requeued_count = 0
    for record in read_dead_letters(kafka):
        count += 1
        requeued_count += record.origin in requeued
        click.echo(f"{record.line}{'  (sent again)' if record.origin in requeued else ''}")
    click.echo(f"{count} dead letters" + (f", {requeued_count} of them sent again" if requeued_count else ""), err=True)


@dead_letters.command("show", context_settings=flags.CONTEXT)
@flags.kafka_flags
@click.argument("letter")
def show(kafka: KafkaSettings, letter: str) -> None:
    """Print all headers of the dead letter LETTER and the first bytes of its value."""
    record = read_dead_letter(kafka, letter)
    click.echo(f"letter: {record.id}\nkey: {record.name}\nrecord: {record.origin}")
    for name, text in record.headers.items():
        click.echo(f"{name}: {text}")
    value = record.value or b""
    click.echo(f"value: {len(value)} bytes, beginning with {value[:_SHOWN_BYTES]!r}")


@dead_letters.command("requeue", context_settings=flags.CONTEXT)
@flags.kafka_flags
@click.option("--all", "everything", is_flag=True, help="Send all dead letters again.")
@click.argument("letters", nargs=-1)
def requeue(kafka: KafkaSettings, letters: tuple[str, ...], everything: bool) -> None:  # noqa: FBT001 - click's flag
    """Send the records of the dead letters LETTERS to their original topics again, with their key and time.

    A record is sent once, even if it has several dead letters or the command is repeated, and it is never counted
    twice. A record that is rejected again becomes a new dead letter.
    """
    if bool(letters) == everything:
        raise ConfigError("requeue: either name the dead letters as TOPIC/PARTITION/OFFSET, or use --all")
    requeued = requeued_origins(kafka)
    markers: list[tuple[str, int, str]] = []  # topic and partition of the dead letter, origin of its record
    skipped = 0
    producer = Producer(producer_settings(kafka, "heapster-stream-dead-letters"), logger=client_log)
    for record in read_dead_letters(kafka) if everything else [read_dead_letter(kafka, each) for each in letters]:
        if not record.has_origin:
            click.echo(f"{record.id} skipped: its headers do not name the original record", err=True)
            continue
        if dead_letter.LEFT_OUT_BYTES in record.headers:
            click.echo(f"{record.id} skipped: it was stored without its value, see {record.origin}", err=True)
            continue
        if record.origin in requeued:
            skipped += 1
            continue
        requeued.add(record.origin)
        _send(producer, record)
        topic, partition, _ = record.id.split("/")
        markers.append((topic, int(partition), record.origin))
    _flush(producer, len(markers))
    for topic, number, origin in markers:  # after the flush, so that a marked record has been sent
        _produce(producer, topic, partition=number, headers={dead_letter.SENT_AGAIN: origin.encode()})
    _flush(producer, len(markers))
    click.echo(f"{len(markers)} records sent again")
    if skipped:
        click.echo(f"{skipped} dead letters skipped: their records were already sent again", err=True)


def _flush(producer: Producer, count: int) -> None:
    left = producer.flush(_FLUSH_S)
    if left:
        raise UnavailableError(f"Kafka acknowledged only {count - left} of {count} records: run the command again")


def _send(producer: Producer, record: DeadLetter) -> None:
    topic, partition, _ = record.origin.split("/")
    _produce(
        producer,
        topic,
        key=record.key,
        value=record.value,
        partition=int(partition),
        timestamp=int(record.headers.get(dead_letter.RECORD_TIME_MS, 0)),
    )


def _produce(producer: Producer, topic: str, **record: Any) -> None:  # noqa: ANN401 - Producer.produce's own
    while True:
        with suppress(BufferError):  # the queue is full: wait until some are sent
            producer.produce(topic, **record)
            return
        producer.poll(1.0)
