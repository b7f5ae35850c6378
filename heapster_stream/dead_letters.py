"""`heapster-stream dead-letters`: looks at records that were rejected, and sends them again."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

import click
from confluent_kafka import Message, Producer

from runtime import dead_letter, flags
from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings, client_log, producer_settings
from runtime.logs import start_logging
from runtime.reader import Reader
from schemas.topics import topics

_FLUSH_S: Final = 30.0
_SHOWN_BYTES: Final = 512
_ID: Final = re.compile(r"(?P<topic>[\w.-]+)/(?P<partition>\d+)/(?P<offset>\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Letter:
    """A dead letter as it lies in its topic."""

    id: str  # TOPIC/PARTITION/OFFSET
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str]

    @classmethod
    def of(cls, message: Message) -> "Letter":
        """From the record."""
        key, value = message.key(), message.value()
        headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
        told = {name: (text or b"").decode("utf-8", "replace") for name, text in headers}
        return cls(
            f"{message.topic()}/{message.partition()}/{message.offset()}",
            key if isinstance(key, bytes) else None,
            value if isinstance(value, bytes) else None,
            told,
        )

    @property
    def name(self) -> str:
        """The key, readable."""
        return (self.key or b"-").decode("utf-8", "replace")

    @property
    def origin(self) -> str:
        """Where the record was: TOPIC/PARTITION/OFFSET."""
        parts = (dead_letter.TOPIC, dead_letter.PARTITION, dead_letter.OFFSET)
        return "/".join(self.headers.get(part, "?") for part in parts)


@click.group("dead-letters", context_settings=flags.CONTEXT)
def dead_letters() -> None:
    """Look at records that were rejected, and send them again once their cause is mended.

    A letter is named TOPIC/PARTITION/OFFSET, as `list` shows it. Letters stay in their topic until its retention.
    """


@dead_letters.command("list", context_settings=flags.CONTEXT)
@flags.kafka_flags
def list_letters(kafka: KafkaSettings) -> None:
    """One line for each letter: its name, when and by whom it was rejected, its key, and why."""
    start_logging("error")
    count = 0
    for letter in _all(kafka):
        count += 1
        at, by = letter.headers.get(dead_letter.REJECTED_AT, "?"), letter.headers.get(dead_letter.REJECTED_BY, "?")
        click.echo(f"{letter.id}  {at}  {by}  {letter.name}  {letter.headers.get(dead_letter.REASON, '?')}")
    click.echo(f"{count} dead letters", err=True)


@dead_letters.command("show", context_settings=flags.CONTEXT)
@flags.kafka_flags
@click.argument("letter")
def show(kafka: KafkaSettings, letter: str) -> None:
    """All headers of one LETTER, and the beginning of its bytes."""
    start_logging("error")
    found = _one(kafka, letter)
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

    Doing so twice changes nothing: a record that was counted is not counted again.
    """
    start_logging("error")
    if bool(letters) == everything:
        raise ConfigError("requeue: name the letters, or give --all")
    found = list(_all(kafka)) if everything else [_one(kafka, each) for each in letters]
    producer = Producer(producer_settings(kafka, "heapster-stream-dead-letters"), logger=client_log)
    for letter in found:
        _send(producer, letter)
    left = producer.flush(_FLUSH_S)
    if left:
        raise click.ClickException(f"Kafka has not taken {left} of {len(found)} records within {_FLUSH_S:.0f} s")
    click.echo(f"{len(found)} records sent again")


def _send(producer: Producer, letter: Letter) -> None:
    topic, partition = letter.headers.get(dead_letter.TOPIC), letter.headers.get(dead_letter.PARTITION, "")
    if not topic or not partition.isdigit():
        raise ConfigError(f"requeue: {letter.id} does not say which topic and partition it came from")
    producer.produce(
        topic,
        key=letter.key,
        value=letter.value,
        partition=int(partition),
        timestamp=int(letter.headers.get(dead_letter.RECORD_TIME_MS, 0)),
    )


def _topics(kafka: KafkaSettings) -> tuple[str, ...]:
    live = topics(kafka.prefix)
    return live.kubelet_stats_dead_letter.name, live.derived_metrics_dead_letter.name


def _all(kafka: KafkaSettings) -> Iterator[Letter]:
    with _reader(kafka) as reader:
        for topic in _topics(kafka):
            for partition, (begin, end) in reader.bounds(topic).items():
                yield from map(Letter.of, reader.records(topic, partition, begin, end))


def _one(kafka: KafkaSettings, name: str) -> Letter:
    parts = _ID.fullmatch(name)
    if parts is None or parts["topic"] not in _topics(kafka):
        raise ConfigError(f"{name!r} is not a dead letter's name: TOPIC/PARTITION/OFFSET, as `dead-letters list` shows")
    topic, partition, offset = parts["topic"], int(parts["partition"]), int(parts["offset"])
    with _reader(kafka) as reader:
        begin, end = reader.bounds(topic).get(partition, (0, 0))
        if not begin <= offset < end:
            raise ConfigError(f"there is no dead letter {name}")
        (record,) = reader.records(topic, partition, offset, offset + 1)
        return Letter.of(record)


def _reader(kafka: KafkaSettings) -> Reader:
    return Reader(kafka, "heapster-stream-dead-letters")
