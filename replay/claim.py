"""Claim a suffix for a time range with a record in the replay's topics, so that different replays do not mix."""

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
    """Write the time range to `topic`, a topic of the replay; workers with the same time range share the replay.

    Raises:
        ConfigError: the topic belongs to a replay of another time range.
        UnavailableError: Kafka does not answer.
    """
    claimed = _claimed(kafka, topic)
    if claimed is None:
        _write(kafka, topic, time_range)
        claimed = _claimed(kafka, topic)  # if two workers write at the same time, the first record counts
    if claimed != str(time_range):
        raise ConfigError(
            f"--topic-suffix: topics with this suffix belong to the replay from {claimed}, not from {time_range}:"
            " use another suffix"
        )


def _write(kafka: KafkaSettings, topic: str, time_range: TimeRange) -> None:
    producer = Producer(producer_settings(kafka, _CLIENT_ID), logger=client_log)
    producer.produce(topic, partition=_PARTITION, headers={HEADER: str(time_range).encode()})
    if producer.flush(_FLUSH_S):
        raise UnavailableError(f"Kafka at {kafka.brokers} did not acknowledge a record for {topic} in {_FLUSH_S:.0f} s")


def _claimed(kafka: KafkaSettings, topic: str) -> str | None:
    with TopicReader(kafka, _CLIENT_ID) as reader:
        begin, end = reader.bounds(topic)[_PARTITION]
        for record in reader.records(topic, _PARTITION, begin, end):
            headers = dict(cast("list[tuple[str, bytes]]", record.headers() or []))
            if HEADER in headers:
                return headers[HEADER].decode()
    return None
