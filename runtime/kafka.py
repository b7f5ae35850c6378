"""Kafka, as every service needs it: client settings, and topics that are created where they are missing."""

import logging
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions, NewTopic

from runtime.errors import ConfigError, UnavailableError
from schemas.topics import DEFAULT_PARTITIONS, MAX_RECORD_BYTES, Topic

log = logging.getLogger(__name__)
client_log: Final = logging.getLogger("librdkafka")
"""What librdkafka has to say: the `logger` of every client."""

SESSION_TIMEOUT_S: Final = 10
HEARTBEAT_S: Final = 3
ABSENT_S: Final = SESSION_TIMEOUT_S - HEARTBEAT_S
"""A member that has slept for longer may have lost its place: its last heartbeat was up to one interval before."""
_REQUEST_TIMEOUT_S: Final = 5.0  # less than the 10 s that a process has to end
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """How every client of this process speaks to Kafka."""

    brokers: str  # HOST:PORT,HOST:PORT,…
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)  # librdkafka's names; may hold secrets


def client_settings(kafka: KafkaSettings, client_id: str) -> dict[str, str | int | float | bool]:
    """Settings of every librdkafka client; it is made with `logger=client_log`."""
    return {
        "bootstrap.servers": kafka.brokers,
        "client.id": client_id,
        "log.connection.close": False,
        **kafka.properties,
    }


def producer_settings(kafka: KafkaSettings, client_id: str) -> dict[str, str | int | float | bool]:
    """Settings of a producer that loses nothing: all replicas acknowledge, retried for as long as the process lives."""
    return client_settings(kafka, client_id) | {
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 20,
        "message.max.bytes": MAX_RECORD_BYTES,
        "message.timeout.ms": 0,
    }


def consumer_settings(kafka: KafkaSettings, client_id: str, group: str) -> dict[str, str | int | float | bool]:
    """Settings of a consumer that begins at the start of a topic and commits only what it is told to."""
    return client_settings(kafka, client_id) | {
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": SESSION_TIMEOUT_S * 1000,
        "heartbeat.interval.ms": HEARTBEAT_S * 1000,
        "fetch.message.max.bytes": MAX_RECORD_BYTES,
    }


def ensure_topics(
    kafka: KafkaSettings,
    topics: Iterable[Topic],
    *,
    partitions: int = DEFAULT_PARTITIONS,
    replication_factor: int = -1,
    grow: bool = False,
) -> Mapping[str, int]:
    """Create those that are missing; how many partitions each has, by name.

    Existing ones stay as they are; with `grow` they get the partitions that they lack. A replication factor of -1 is
    the broker's own default.

    Raises:
        UnavailableError: Kafka does not answer.
        ConfigError: Kafka refuses, as for more replicas than it has brokers.
    """
    wanted = {topic.name: topic for topic in topics}
    admin = AdminClient(client_settings(kafka, "heapster-stream-topics"), logger=client_log)
    found = _partitions(admin, kafka.brokers)
    missing = [topic for name, topic in wanted.items() if name not in found]
    if missing:
        _create(admin, missing, partitions, replication_factor)
    if grow:
        for name in wanted:
            if found.get(name, partitions) < partitions:
                _grow(admin, name, partitions)
                found[name] = partitions
    return {name: found.get(name, partitions) for name in wanted}


def wait_for_topics(
    kafka: KafkaSettings,
    topics: Iterable[Topic],
    stopped: threading.Event,
    *,
    partitions: int = DEFAULT_PARTITIONS,
    grow: bool = False,
) -> Mapping[str, int] | None:
    """`ensure_topics` until Kafka answers; None if the process is to stop before that."""
    wanted = tuple(topics)
    pause_s = _FIRST_PAUSE_S
    while not stopped.is_set():
        try:
            return ensure_topics(kafka, wanted, partitions=partitions, grow=grow)
        except UnavailableError as error:
            log.warning("waiting for Kafka", extra={"error": str(error), "again_in_s": pause_s})
        stopped.wait(pause_s)
        pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
    return None


def _partitions(admin: AdminClient, brokers: str) -> dict[str, int]:
    try:
        metadata = admin.list_topics(timeout=_REQUEST_TIMEOUT_S)
    except KafkaException as error:
        raise UnavailableError(f"Kafka at {brokers} does not answer: {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}


def _create(admin: AdminClient, missing: Iterable[Topic], partitions: int, replication_factor: int) -> None:
    requests = [NewTopic(topic.name, partitions, replication_factor, config=_settings(topic)) for topic in missing]
    for name, future in admin.create_topics(requests, request_timeout=_REQUEST_TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            reason: KafkaError = error.args[0]
            if reason.code() == KafkaError.TOPIC_ALREADY_EXISTS:  # another service was faster
                continue
            raise _refusal(f"create the topic {name}", reason) from error
        log.info("topic created", extra={"topic": name, "partitions": partitions})


def _grow(admin: AdminClient, name: str, partitions: int) -> None:
    (added,) = admin.create_partitions([NewPartitions(name, partitions)], request_timeout=_REQUEST_TIMEOUT_S).values()
    try:
        added.result()
    except KafkaException as error:
        if error.args[0].code() == KafkaError.INVALID_PARTITIONS:  # another process was faster
            return
        raise _refusal(f"give the topic {name} {partitions} partitions", error.args[0]) from error
    log.info("partitions added", extra={"topic": name, "partitions": partitions})


def _refusal(what: str, reason: KafkaError) -> UnavailableError | ConfigError:
    if reason.retriable() or reason.code() in {KafkaError._TIMED_OUT, KafkaError._TRANSPORT}:  # noqa: SLF001
        return UnavailableError(f"Kafka did not {what}: {reason.str()}")
    return ConfigError(f"Kafka refuses to {what}: {reason.str()}")


def _settings(topic: Topic) -> dict[str, str]:
    return {
        "cleanup.policy": topic.cleanup,
        "retention.ms": str(topic.retention_ms),
        "max.message.bytes": str(MAX_RECORD_BYTES),
        **topic.settings,
    }
