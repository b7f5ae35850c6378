"""Dead letters as they lie in their topics: read one or all, and which of their records have been sent again."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, cast

from confluent_kafka import Message

from runtime import dead_letter
from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader
from schemas.topics import topics

_ID: Final = re.compile(r"(?P<topic>[\w.-]+)/(?P<partition>\d+)/(?P<offset>\d+)", re.ASCII)


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A dead letter as it lies in its topic."""

    id: str  # TOPIC/PARTITION/OFFSET
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str]

    @classmethod
    def of(cls, message: Message) -> "DeadLetter":
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

    @property
    def names_its_record(self) -> bool:
        """Whether it can be sent again: what others have put into the topic cannot."""
        return _ID.fullmatch(self.origin) is not None

    @property
    def line(self) -> str:
        """What `list` says of it."""
        told = self.headers.get
        by = " ".join(filter(None, (told(dead_letter.REJECTED_BY, "?"), told(dead_letter.SINK))))
        return f"{self.id}  {told(dead_letter.REJECTED_AT, '?')}  {by}  {self.name}  {told(dead_letter.REASON, '?')}"


def _topics(kafka: KafkaSettings) -> tuple[str, ...]:
    live = topics(kafka.prefix)
    return live.kubelet_stats_dead_letter.name, live.derived_metrics_dead_letter.name


def read_dead_letters(kafka: KafkaSettings) -> Iterator[DeadLetter]:
    """Every one of them. Raises UnavailableError: Kafka does not answer."""
    return (letter for letter in _records(kafka) if dead_letter.SENT_AGAIN not in letter.headers)


def requeued_origins(kafka: KafkaSettings) -> set[str]:
    """Origins of the records that have been sent again. Raises UnavailableError: Kafka does not answer."""
    marks = (record.headers.get(dead_letter.SENT_AGAIN) for record in _records(kafka))
    return {origin for origin in marks if origin is not None}


def _records(kafka: KafkaSettings) -> Iterator[DeadLetter]:
    with _reader(kafka) as reader:
        for topic in _topics(kafka):
            for partition, (begin, end) in reader.bounds(topic).items():
                yield from map(DeadLetter.of, reader.records(topic, partition, begin, end))


def read_dead_letter(kafka: KafkaSettings, name: str) -> DeadLetter:
    """The one of that name.

    Raises:
        ConfigError: there is none.
        UnavailableError: Kafka does not answer.
    """
    parts = _ID.fullmatch(name)
    if parts is None or parts["topic"] not in _topics(kafka):
        raise ConfigError(f"{name!r} is not a dead letter's name: TOPIC/PARTITION/OFFSET, as `dead-letters list` shows")
    topic, partition, offset = parts["topic"], int(parts["partition"]), int(parts["offset"])
    with _reader(kafka) as reader:
        begin, end = reader.bounds(topic).get(partition, (0, 0))
        if not begin <= offset < end:
            raise ConfigError(f"there is no dead letter {name}")
        (record,) = reader.records(topic, partition, offset, offset + 1)
        return DeadLetter.of(record)


def _reader(kafka: KafkaSettings) -> TopicReader:
    return TopicReader(kafka, "heapster-stream-dead-letters")
