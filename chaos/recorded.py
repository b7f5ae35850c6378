"""Everything that a topic holds, read once."""

from confluent_kafka import Message

from runtime.kafka import KafkaSettings
from runtime.reader import Reader

Recorded = dict[int, list[Message]]
"""By partition every record, in order."""


def recorded(brokers: str, topic: str) -> Recorded:
    """Raises UnavailableError: Kafka does not answer."""
    with Reader(KafkaSettings(brokers), "chaos") as reader:
        return {
            partition: list(reader.records(topic, partition, begin, end))
            for partition, (begin, end) in reader.bounds(topic).items()
        }


def value_of(record: Message) -> bytes:
    """The record's bytes."""
    value = record.value()
    return value if isinstance(value, bytes) else b""
