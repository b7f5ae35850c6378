"""Everything that a topic holds, read once."""

from typing import Final

from confluent_kafka import Message

from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader

Recorded = dict[int, list[Message]]
"""By partition every record, in order."""


SENT_BY_CHAOS: Final[dict[str, str | bytes | None]] = {"sent-by": b"chaos"}
"""Headers of what no scraper has sent."""


def recorded(brokers: str, topic: str) -> Recorded:
    """Raises UnavailableError: Kafka does not answer."""
    with TopicReader(KafkaSettings(brokers), "chaos") as reader:
        return {
            partition: list(reader.records(topic, partition, begin, end))
            for partition, (begin, end) in reader.bounds(topic).items()
        }


def value_of(record: Message) -> bytes:
    """The record's bytes."""
    value = record.value()
    return value if isinstance(value, bytes) else b""


def is_of_a_scraper(record: Message) -> bool:
    """Whether it was not sent by a fault."""
    return dict(record.headers() or []) != SENT_BY_CHAOS
