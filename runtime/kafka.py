"""Kafka, as every client of ours speaks to it: addresses, credentials, and what is promised on top of them."""

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
"""What librdkafka has to say: the `logger` of every client."""

SESSION_TIMEOUT_S: Final = 10
HEARTBEAT_S: Final = 3
MAX_POLL_GAP_S: Final = SESSION_TIMEOUT_S - HEARTBEAT_S
"""A member that has slept for longer may have lost its place: its last heartbeat was up to one interval before."""

ClientSettings: TypeAlias = dict[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """Which Kafka, how it is spoken to, and which names in it are this pipeline's."""

    brokers: str  # HOST:PORT,HOST:PORT,…
    properties: Mapping[str, str] = field(default_factory=dict, repr=False)  # librdkafka's names; may hold secrets
    prefix: str = ""  # of topics, consumer groups and changelogs
    partitions: int = DEFAULT_PARTITIONS  # of topics that are created
    replication_factor: int = -1  # of topics that are created; -1 is the brokers' own default

    def prefixed(self, name: str) -> str:
        """A topic or group of this pipeline."""
        return self.prefix + name

    def check(self) -> None:
        """Raises ConfigError: librdkafka does not take the properties, as one that is misspelt or a missing file."""
        try:
            AdminClient({**self.properties, "log_level": 0})
        except KafkaException as error:
            raise ConfigError(
                f"{FLAG}: {error.args[0].str().removeprefix('Failed to create admin client: ')}"
            ) from None


class ConnectionErrors:
    """Why Kafka does not answer: the calls only tell that it does not, so this is a client's `error_cb` as well."""

    _REFUSED: Final = frozenset({KafkaError._AUTHENTICATION, KafkaError._SSL})  # noqa: SLF001

    def __init__(self, kafka: KafkaSettings) -> None:
        """Nothing has been heard yet."""
        self._kafka = kafka
        self._heard: KafkaError | None = None

    def __call__(self, error: KafkaError) -> None:
        """Keep the newest; what says more than that nobody answers is not forgotten for it."""
        vague = error.code() == KafkaError._ALL_BROKERS_DOWN  # noqa: SLF001
        if not vague and (self._heard is None or self._heard.code() not in self._REFUSED):
            self._heard = error

    def forget(self) -> None:
        """Kafka has answered."""
        self._heard = None

    def error(self, failed: KafkaError) -> ConfigError | UnavailableError:
        """What to raise for a call that has failed: a refused password does not get better by waiting."""
        heard, self._heard = self._heard, None
        reason = (heard or failed).str()
        if heard is not None and heard.code() in self._REFUSED:
            return ConfigError(f"Kafka at {self._kafka.brokers} refuses us, or we it: {reason}; see {FLAG}")
        if heard is None and failed.code() == KafkaError._TRANSPORT:  # noqa: SLF001 - connected, and hung up on
            reason += f"; if it asks for TLS or a password: security.protocol, {FLAG}"
        return UnavailableError(f"Kafka at {self._kafka.brokers} does not answer: {reason}")


def client_settings(kafka: KafkaSettings, client_id: str) -> ClientSettings:
    """Settings of every librdkafka client; it is made with `logger=client_log`."""
    return {
        "bootstrap.servers": kafka.brokers,
        "client.id": client_id,
        "log.connection.close": False,
        **kafka.properties,
    }


def producer_settings(kafka: KafkaSettings, client_id: str) -> ClientSettings:
    """Settings of a producer that loses nothing: all replicas acknowledge, retried for as long as the process lives."""
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
    """Settings of a consumer that begins at the start of a topic and commits only what it is told to."""
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
