"""Options of the sink `kafka`; names and defaults are Heapster's (docs/configuration.md, 3)."""

from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import parse_qsl

import click

from runtime.errors import ConfigError
from runtime.flags import Brokers
from runtime.kafka import ClientSettings, KafkaSettings, producer_settings
from runtime.uri import KeyedUri, UriOptions
from writer.lines.filters import NO_FILTER, Filter
from writer.sinks.filter_options import parse_filter

KAFKA: Final = "kafka"
MESSAGE_TIMEOUT_S: Final = 20.0
"""Delivery timeout of a message; after it the failure counts as an outage and the write is retried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConfig:
    """Topic, brokers, client properties and filter; `properties` are librdkafka's and may contain secrets."""

    brokers: str  # HOST:PORT,HOST:PORT,…
    topic: str
    properties: dict[str, str] = field(repr=False)
    sink_filter: Filter = NO_FILTER

    @property
    def identity(self) -> str:
        """Identity of the sink, part of the consumer group's name: brokers in any order, and topic."""
        return f"{KAFKA}-{','.join(sorted(self.brokers.split(',')))}-{self.topic}"

    @property
    def settings(self) -> ClientSettings:
        """Settings of the producer: all replicas acknowledge; delivery fails after MESSAGE_TIMEOUT_S."""
        kafka = KafkaSettings(self.brokers, self.properties)
        return producer_settings(kafka, "heapster-writer") | {"message.timeout.ms": int(MESSAGE_TIMEOUT_S * 1000)}

    @classmethod
    def parse(cls, keyed: KeyedUri, option: UriOptions) -> Self:
        """Parse `kafka:?brokers=host:9092&timeseriestopic=heapster-metrics`.

        Raises:
            ConfigError: an option has an invalid value.
        """
        if keyed.uri is not None and (keyed.uri.netloc or keyed.uri.path):
            raise ConfigError(f"{option.flag}: give brokers as an option: expected {KAFKA}:?brokers=HOST:PORT")
        topic = option.text("timeseriestopic", "heapster-metrics")
        if not topic:
            raise ConfigError(f"{option.flag}: `timeseriestopic` is empty: give the name of a topic")
        compression = option.choice("compression", ("none", "gzip", "snappy", "lz4"))
        return cls(
            brokers=_brokers(keyed, option),
            topic=topic,
            properties={"compression.type": compression, **_security(option)},
            sink_filter=parse_filter(option, with_tags=False),
        )


def _brokers(keyed: KeyedUri, option: UriOptions) -> str:
    """Join all values of the option, separated by commas: unlike other options it may be repeated, as in Heapster."""
    option.text("brokers", "")
    brokers = ",".join(value for name, value in parse_qsl(keyed.query) if name == "brokers")
    if not brokers:
        raise ConfigError(f"{option.flag}: `brokers` is missing: expected {KAFKA}:?brokers=HOST:PORT,HOST:PORT")
    try:
        return Brokers().convert(brokers, None, None)
    except click.BadParameter as error:
        raise ConfigError(f"{option.flag}: the option `brokers`: {error.message}") from None


def _security(option: UriOptions) -> dict[str, str]:
    """SASL PLAIN if `user` is given; TLS if any TLS option is given."""
    user, password = _option_pair(option, "user", "password")
    certificate, key = _option_pair(option, "cert", "key")
    authority = option.text("cacert", "")
    is_verified = not option.boolean("insecuressl", default=False)
    tls = bool(certificate or authority) or "insecuressl" in option.values
    properties = {
        "sasl.mechanisms": "PLAIN" if user else "",
        "sasl.username": user,
        "sasl.password": password,
        "ssl.ca.location": authority,
        "ssl.certificate.location": certificate,
        "ssl.key.location": key,
        "enable.ssl.certificate.verification": "" if is_verified else "false",
    }
    protocol = f"{'sasl_' if user else ''}{'ssl' if tls else 'plaintext'}"
    return {"security.protocol": protocol, **{name: value for name, value in properties.items() if value}}


def _option_pair(option: UriOptions, one: str, other: str) -> tuple[str, str]:
    values = option.text(one, ""), option.text(other, "")
    if any(values) and not all(values):
        given, missing = (one, other) if values[0] else (other, one)
        raise ConfigError(f"{option.flag}: `{given}` needs `{missing}` too: give both or neither")
    return values
