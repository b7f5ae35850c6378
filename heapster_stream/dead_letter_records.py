"""Read the dead-letter topics: one dead letter, all of them, and the records that were sent again."""

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
    """A record of a dead-letter topic."""

    id: str  # TOPIC/PARTITION/OFFSET
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, str]

    @classmethod
    def of(cls, message: Message) -> "DeadLetter":
        """Convert a Kafka message."""
        key, value = message.key(), message.value()
        headers = cast("list[tuple[str, bytes | None]]", message.headers() or [])
        return cls(
            f"{message.topic()}/{message.partition()}/{message.offset()}",
            key if isinstance(key, bytes) else None,
            value if isinstance(value, bytes) else None,
            {name: (text or b"").decode("utf-8", "replace") for name, text in headers},
        )

    @property
    def name(self) -> str:
        """The key as text, `-` if there is none."""
        return (self.key or b"-").decode("utf-8", "replace")

    @property
    def origin(self) -> str:
        """TOPIC/PARTITION/OFFSET of the original record, `?` for missing parts."""
        parts = (dead_letter.TOPIC, dead_letter.PARTITION, dead_letter.OFFSET)
        return "/".join(self.headers.get(part, "?") for part in parts)

    @property
    def has_origin(self) -> bool:
        """Whether the headers name the original record; false for records of other programs in the topic."""
        return _ID.fullmatch(self.origin) is not None

    @property
    def line(self) -> str:
        """The line that `list` prints."""
        get = self.headers.get
        by = " ".join(filter(None, (get(dead_letter.REJECTED_BY, "?"), get(dead_letter.SINK))))
        return f"{self.id}  {get(dead_letter.REJECTED_AT, '?')}  {by}  {self.name}  {get(dead_letter.REASON, '?')}"


def _topics(kafka: KafkaSettings) -> tuple[str, ...]:
    live = topics(kafka.prefix)
    return live.kubelet_stats_dead_letter.name, live.derived_metrics_dead_letter.name


def read_dead_letters(kafka: KafkaSettings) -> Iterator[DeadLetter]:
    """Yield all dead letters. Raises UnavailableError: Kafka does not answer."""
    return (record for record in _records(kafka) if dead_letter.SENT_AGAIN not in record.headers)


def requeued_origins(kafka: KafkaSettings) -> set[str]:
    """Origins of the records that were sent again. Raises UnavailableError: Kafka does not answer."""
    origins = (record.headers.get(dead_letter.SENT_AGAIN) for record in _records(kafka))
    return {origin for origin in origins if origin is not None}


def _records(kafka: KafkaSettings) -> Iterator[DeadLetter]:
    with _reader(kafka) as reader:
        for topic in _topics(kafka):
            for partition, (begin, end) in reader.bounds(topic).items():
                yield from map(DeadLetter.of, reader.records(topic, partition, begin, end))


def read_dead_letter(kafka: KafkaSettings, name: str) -> DeadLetter:
    """Read the dead letter with the id `name`, TOPIC/PARTITION/OFFSET.

    Raises:
        ConfigError: the id is invalid or does not exist.
        UnavailableError: Kafka does not answer.
    """
    parts = _ID.fullmatch(name)
    if parts is None or parts["topic"] not in _topics(kafka):
        raise ConfigError(f"{name!r} is not TOPIC/PARTITION/OFFSET of a dead letter: see `dead-letters list`")
    topic, partition, offset = parts["topic"], int(parts["partition"]), int(parts["offset"])
    with _reader(kafka) as reader:
        begin, end = reader.bounds(topic).get(partition, (0, 0))
        if not begin <= offset < end:
            raise ConfigError(f"the dead letter {name} does not exist: see `dead-letters list`")
        (record,) = reader.records(topic, partition, offset, offset + 1)
        return DeadLetter.of(record)


def _reader(kafka: KafkaSettings) -> TopicReader:
    return TopicReader(kafka, "heapster-stream-dead-letters")
