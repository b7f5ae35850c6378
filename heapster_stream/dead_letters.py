"""`heapster-stream dead-letters`: looks at records that were rejected, and sends them again."""

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
    """Look at records that were rejected, and send them again once their cause is mended.

    A letter is named TOPIC/PARTITION/OFFSET, as `list` shows it. Letters stay in their topic until its retention.
    """
    exit_on_ctrl_c()
    LogSettings("critical").start()  # what fails is raised


@dead_letters.command("list", context_settings=flags.CONTEXT)
@flags.kafka_flags
def list_letters(kafka: KafkaSettings) -> None:
    """One line for each letter: its name, when and by whom it was rejected, its key, and why.

    Letters whose record has been sent again say so. Two sinks may have rejected one record: then it has two letters.
    """
    sent = requeued_origins(kafka)
    count = again = 0
    for letter in read_dead_letters(kafka):
        count += 1
        again += letter.origin in sent
        click.echo(f"{letter.line}{'  (sent again)' if letter.origin in sent else ''}")
    click.echo(f"{count} dead letters" + (f", {again} of them sent again" if again else ""), err=True)


@dead_letters.command("show", context_settings=flags.CONTEXT)
@flags.kafka_flags
@click.argument("letter")
def show(kafka: KafkaSettings, letter: str) -> None:
    """All headers of one LETTER, and the beginning of its bytes."""
    found = read_dead_letter(kafka, letter)
    click.echo(f"letter: {found.id}\nkey: {found.name}\nrecord: {found.origin}")
    for name, text in found.headers.items():
        click.echo(f"{name}: {text}")
    value = found.value or b""
    click.echo(f"value: {len(value)} bytes, beginning with {value[:_SHOWN_BYTES]!r}")


@dead_letters.command("requeue", context_settings=flags.CONTEXT)
@flags.kafka_flags
@click.option("--all", "everything", is_flag=True, help="All letters there are.")
@click.argument("letters", nargs=-1)
def requeue(kafka: KafkaSettings, letters: tuple[str, ...], everything: bool) -> None:  # noqa: FBT001 - click's flag
    """Send LETTERS to where they came from, under their key and with their time.

    Each record once, however many letters it has and however often this is done; nothing is counted twice by it. What
    is rejected again becomes a new letter.
    """
    if bool(letters) == everything:
        raise ConfigError("requeue: name the letters, or give --all")
    sent = requeued_origins(kafka)
    marks: list[tuple[str, int, str]] = []  # topic, partition, origin: beside one of the record's letters
    left_out = 0
    producer = Producer(producer_settings(kafka, "heapster-stream-dead-letters"), logger=client_log)
    for letter in read_dead_letters(kafka) if everything else [read_dead_letter(kafka, each) for each in letters]:
        if not letter.names_its_record:
            click.echo(f"{letter.id} does not say which record it was: left out", err=True)
            continue
        if dead_letter.LEFT_OUT_BYTES in letter.headers:
            click.echo(f"{letter.id} has no value, Kafka did not take it again: see {letter.origin} itself", err=True)
            continue
        if letter.origin in sent:
            left_out += 1
            continue
        sent.add(letter.origin)
        _send(producer, letter)
        topic, partition, _ = letter.id.split("/")
        marks.append((topic, int(partition), letter.origin))
    _settle(producer, len(marks))
    for topic, number, origin in marks:  # only now: what is marked has been sent
        _produce(producer, topic, partition=number, headers={dead_letter.SENT_AGAIN: origin.encode()})
    _settle(producer, len(marks))
    click.echo(f"{len(marks)} records sent again")
    if left_out:
        click.echo(f"{left_out} letters left out: their records have been sent again already", err=True)


def _settle(producer: Producer, count: int) -> None:
    left = producer.flush(_FLUSH_S)
    if left:
        raise UnavailableError(f"Kafka has not taken {left} of {count} records within {_FLUSH_S:.0f} s: do it again")


def _send(producer: Producer, letter: DeadLetter) -> None:
    topic, partition, _ = letter.origin.split("/")
    _produce(
        producer,
        topic,
        key=letter.key,
        value=letter.value,
        partition=int(partition),
        timestamp=int(letter.headers.get(dead_letter.RECORD_TIME_MS, 0)),
    )


def _produce(producer: Producer, topic: str, **record: Any) -> None:  # noqa: ANN401 - Producer.produce's own
    while True:
        with suppress(BufferError):  # full: some have to go first
            producer.produce(topic, **record)
            return
        producer.poll(1.0)
