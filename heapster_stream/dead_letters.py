"""`heapster-stream dead-letters`: looks at records that were rejected, and sends them again."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

import click
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from runtime import dead_letter, flags
from runtime.errors import ConfigError
from runtime.kafka import client_settings, producer_settings
from runtime.logs import start_logging
from schemas.topics import topics

_TIMEOUT_S: Final = 10.0
_FLUSH_S: Final = 30.0
_SHOWN_BYTES: Final = 512
_NAMES: Final = (topics().kubelet_stats_dead_letter.name, topics().derived_metrics_dead_letter.name)
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
@flags.kafka_brokers
def list_letters(kafka_brokers: str) -> None:
    """One line for each letter: its name, when and by whom it was rejected, its key, and why."""
    start_logging("error")
    count = 0
    for letter in _all(kafka_brokers):
        count += 1
        at, by = letter.headers.get(dead_letter.REJECTED_AT, "?"), letter.headers.get(dead_letter.REJECTED_BY, "?")
        click.echo(f"{letter.id}  {at}  {by}  {letter.name}  {letter.headers.get(dead_letter.REASON, '?')}")
    click.echo(f"{count} dead letters", err=True)


@dead_letters.command("show", context_settings=flags.CONTEXT)
@flags.kafka_brokers
@click.argument("letter")
def show(kafka_brokers: str, letter: str) -> None:
    """All headers of one LETTER, and the beginning of its bytes."""
    start_logging("error")
    found = _one(kafka_brokers, letter)
    click.echo(f"letter: {found.id}\nkey: {found.name}\nrecord: {found.origin}")
    for name, text in found.headers.items():
        click.echo(f"{name}: {text}")
    value = found.value or b""
    click.echo(f"value: {len(value)} bytes, beginning with {value[:_SHOWN_BYTES]!r}")


@dead_letters.command("requeue", context_settings=flags.CONTEXT)
@flags.kafka_brokers
@click.option("--all", "everything", is_flag=True, help="All letters there are.")
@click.argument("letters", nargs=-1)
def requeue(kafka_brokers: str, letters: tuple[str, ...], everything: bool) -> None:  # noqa: FBT001 - click's flag
    """Send LETTERS to where they came from, under their key and with their time.

    Doing so twice changes nothing: a record that was counted is not counted again.
    """
    start_logging("error")
    if bool(letters) == everything:
        raise ConfigError("requeue: name the letters, or give --all")
    found = list(_all(kafka_brokers)) if everything else [_one(kafka_brokers, each) for each in letters]
    producer = Producer(producer_settings(kafka_brokers, "heapster-stream-dead-letters"))
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


def _all(brokers: str) -> Iterator[Letter]:
    consumer = _consumer(brokers)
    try:
        for topic in _NAMES:
            for partition in _partitions(consumer, brokers, topic):
                yield from _letters(consumer, topic, partition)
    finally:
        consumer.close()


def _letters(consumer: Consumer, topic: str, partition: int) -> Iterator[Letter]:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), _TIMEOUT_S)
    if low == high:
        return
    consumer.assign([TopicPartition(topic, partition, low)])
    position = low
    while position < high:
        message = consumer.poll(_TIMEOUT_S)
        if message is None or message.error() is not None:
            return
        position = (message.offset() or 0) + 1
        yield Letter.of(message)


def _one(brokers: str, name: str) -> Letter:
    parts = _ID.fullmatch(name)
    if parts is None or parts["topic"] not in _NAMES:
        raise ConfigError(f"{name!r} is not a dead letter's name: TOPIC/PARTITION/OFFSET, as `dead-letters list` shows")
    consumer = _consumer(brokers)
    try:
        partition, offset = int(parts["partition"]), int(parts["offset"])
        if partition in _partitions(consumer, brokers, parts["topic"]):
            for letter in _letters(consumer, parts["topic"], partition):
                if letter.id == f"{parts['topic']}/{partition}/{offset}":
                    return letter
    finally:
        consumer.close()
    raise ConfigError(f"there is no dead letter {name}")


def _partitions(consumer: Consumer, brokers: str, topic: str) -> list[int]:
    try:
        found = consumer.list_topics(topic, timeout=_TIMEOUT_S).topics[topic]
    except KafkaException as error:
        raise click.ClickException(f"Kafka at {brokers} does not answer: {error.args[0].str()}") from error
    return [] if found.error is not None else sorted(found.partitions)


def _consumer(brokers: str) -> Consumer:
    settings = client_settings(brokers, "heapster-stream-dead-letters")
    return Consumer(settings | {"group.id": "heapster-dead-letters", "enable.auto.commit": False})
