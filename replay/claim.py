"""Which stretch a suffix stands for: its topics say so in a record of their own, so that no two replays mix in them."""

from typing import Final, cast

from confluent_kafka import Producer

from replay.time_range import TimeRange
from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import KafkaSettings, client_log, producer_settings
from runtime.topic_reader import TopicReader

HEADER: Final = "replay-of"
_CLIENT_ID: Final = "heapster-replay"
_FLUSH_S: Final = 20.0
_PARTITION: Final = 0


def claim(kafka: KafkaSettings, topic: str, time_range: TimeRange) -> None:
    """Say in `topic`, one of the replay's, that it is of this stretch; who comes with the same one shares it.

    Raises:
        ConfigError: it is of another stretch.
        UnavailableError: Kafka does not answer.
    """
    claimed = _claimed(kafka, topic)
    if claimed is None:
        _say(kafka, topic, time_range)
        claimed = _claimed(kafka, topic)  # of two who come at once Kafka has one first
    if claimed != str(time_range):
        raise ConfigError(
            f"--topic-suffix: under it are the topics of the replay from {claimed}; this one is from {time_range}:"
            " give it another suffix"
        )


def _say(kafka: KafkaSettings, topic: str, time_range: TimeRange) -> None:
    producer = Producer(producer_settings(kafka, _CLIENT_ID), logger=client_log)
    producer.produce(topic, partition=_PARTITION, headers={HEADER: str(time_range).encode()})
    if producer.flush(_FLUSH_S):
        raise UnavailableError(f"Kafka at {kafka.brokers} has not taken a record for {topic} within {_FLUSH_S:.0f} s")


def _claimed(kafka: KafkaSettings, topic: str) -> str | None:
    with TopicReader(kafka, _CLIENT_ID) as reader:
        begin, end = reader.bounds(topic)[_PARTITION]
        for record in reader.records(topic, _PARTITION, begin, end):
            headers = dict(cast("list[tuple[str, bytes]]", record.headers() or []))
            if HEADER in headers:
                return headers[HEADER].decode()
    return None
