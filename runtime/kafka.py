"""Settings of every Kafka client: brokers, credentials, and the settings that delivery depends on."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from runtime.errors import ConfigError, UnavailableError
from runtime.kafka_properties import FLAG
from schemas.topics import DEFAULT_PARTITIONS, MAX_RECORD_BYTES

client_log: Final = logging.getLogger("librdkafka")
"""The logger of librdkafka, passed to every client as `logger`."""

SESSION_TIMEOUT_S: Final = 10
HEARTBEAT_S: Final = 3
MAX_POLL_GAP_S: Final = SESSION_TIMEOUT_S - HEARTBEAT_S
"""Gap between polls after which the group may have removed a consumer: its last heartbeat can be HEARTBEAT_S older."""

ClientSettings: TypeAlias = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """The Kafka cluster, the properties of its clients, and the names and settings of this pipeline's topics."""

    brokers: str  # HOST:PORT,HOST:PORT,…
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)  # librdkafka's names; may hold secrets
    prefix: str = ""  # of the names of topics, consumer groups and changelogs
    partitions: int = DEFAULT_PARTITIONS  # of new topics
    replication_factor: int = -1  # of new topics; -1 is the brokers' default

    def prefixed(self, name: str) -> str:
        """The name of a topic or consumer group of this pipeline."""
        return self.prefix + name

    def check(self) -> None:
        """Raise ConfigError if librdkafka rejects a property, for example a misspelt one or a missing file."""
        try:
            AdminClient({**self.properties, "log_level": 0})
        except KafkaException as error:
            raise ConfigError(
                f"{FLAG}: {error.args[0].str().removeprefix('Failed to create admin client: ')}"
            ) from None


class ConnectionErrors:
    """The reason why Kafka is unreachable, as a client's `error_cb` reports it: a failed call only names a timeout."""

    _PERMANENT: Final = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})  # noqa: SLF001

    def __init__(self, kafka: KafkaSettings) -> None:
        """Start without an error."""
        self._kafka = kafka
        self._last: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Keep the latest error, or a permanent one; "all brokers down" is ignored, as it gives no reason."""
        vague = error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
        if not vague and (self._last is None or self._last.code() not in self._PERMANENT):
            self._last = error

    def clear(self) -> None:
        """Discard the error after Kafka has answered."""
        self._last = None

    def to_exception(self, failed: KafkaError) -> ConfigError | UnavailableError:
        """The exception for a failed call: ConfigError for wrong credentials or TLS, as retries cannot help."""
        last, self._last = self._last, None
        reason = (last or failed).str()
        if last is not None and last.code() in self._PERMANENT:
            return ConfigError(f"cannot log in to Kafka at {self._kafka.brokers}: {reason}; check {FLAG}")
        if last is None and failed.code() == KafkaError._TRANSPORT:  # noqa: SLF001 - it closed the connection
            reason += f"; if Kafka requires TLS or a password, set security.protocol with {FLAG}"
        return UnavailableError(f"Kafka at {self._kafka.brokers} does not answer: {reason}")


def client_settings(kafka: KafkaSettings, client_id: str) -> ClientSettings:
    """Settings of every librdkafka client; create it with `logger=client_log`."""
    return {
        "bootstrap.servers": kafka.brokers,
        "client.id": client_id,
        "log.connection.close": False,
        **kafka.properties,
    }


def producer_settings(kafka: KafkaSettings, client_id: str) -> ClientSettings:
    """Settings of a producer that loses no record: all replicas acknowledge, retries do not time out."""
    adjustable: ClientSettings = {"compression.type": "zstd", "linger.ms": 20}
    return {
        **adjustable,
        **client_settings(kafka, client_id),
        "acks": "all",
        "enable.idempotence": True,
        "message.max.bytes": MAX_RECORD_BYTES,
        "message.timeout.ms": 0,
    }


def consumer_settings(kafka: KafkaSettings, client_id: str, group: str) -> ClientSettings:
    """Settings of a consumer that starts at the earliest offset and commits only explicitly."""
    return {
        **client_settings(kafka, client_id),
        "group.id": group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "session.timeout.ms": SESSION_TIMEOUT_S * 1000,
        "heartbeat.interval.ms": HEARTBEAT_S * 1000,
        "fetch.message.max.bytes": MAX_RECORD_BYTES,
    }
