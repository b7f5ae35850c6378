"""What the sink `kafka` is told: options and defaults are Heapster's (docs/configuration.md, 3)."""

from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import parse_qsl

import click

from runtime.errors import ConfigError
from runtime.flags import Brokers
from runtime.kafka import ClientSettings, KafkaSettings, producer_settings
from runtime.uri import KeyedUri, Options
from writer.lines.filters import EVERYTHING, Filter
from writer.sinks.filter_options import parse_filter

KAFKA: Final = "kafka"
MESSAGE_TIMEOUT_S: Final = 20.0
"""How long a message is tried before it is called an outage, and tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaConfig:
    """A topic of some Kafka, and how that is spoken to; `properties` are librdkafka's, and may hold secrets."""

    brokers: str  # HOST:PORT,HOST:PORT,…
    topic: str
    properties: dict[str, str] = field(repr=False)
    chosen: Filter = EVERYTHING

    @property
    def identity(self) -> str:
        """As that of an InfluxDB; the order of the brokers makes no difference."""
        return f"{KAFKA}-{','.join(sorted(self.brokers.split(',')))}-{self.topic}"

    @property
    def settings(self) -> ClientSettings:
        """Of the producer: all replicas acknowledge, and it says so when they do not for a while."""
        kafka = KafkaSettings(self.brokers, self.properties)
        return producer_settings(kafka, "heapster-writer") | {"message.timeout.ms": int(MESSAGE_TIMEOUT_S * 1000)}

    @classmethod
    def parse(cls, keyed: KeyedUri, option: Options) -> Self:
        """From `kafka:?brokers=host:9092&timeseriestopic=heapster-metrics`.

        Raises:
            ConfigError: option and value that cannot be used.
        """
        if keyed.uri is not None and (keyed.uri.netloc or keyed.uri.path):
            raise ConfigError(f"{option.flag}: brokers are named by the option `brokers`: expected {KAFKA}:?brokers=…")
        topic = option.text("timeseriestopic", "heapster-metrics")
        if not topic:
            raise ConfigError(f"{option.flag}: `timeseriestopic` is empty")
        compression = option.choice("compression", ("none", "gzip", "snappy", "lz4"))
        return cls(
            brokers=_brokers(keyed, option),
            topic=topic,
            properties={"compression.type": compression, **_security(option)},
            chosen=parse_filter(option, with_tags=False),
        )


def _brokers(keyed: KeyedUri, option: Options) -> str:
    """A list by commas; and this one option counts each time that it is given, as Heapster's did."""
    option.text("brokers", "")
    given = ",".join(value for name, value in parse_qsl(keyed.query) if name == "brokers")
    if not given:
        raise ConfigError(f"{option.flag}: `brokers` is missing: expected {KAFKA}:?brokers=HOST:PORT,HOST:PORT")
    try:
        return Brokers().convert(given, None, None)
    except click.BadParameter as error:
        raise ConfigError(f"{option.flag}: the option `brokers`: {error.message}") from None


def _security(option: Options) -> dict[str, str]:
    """SASL PLAIN with `user`; TLS with any of the options that are of use for it alone."""
    user, password = _both(option, "user", "password")
    certificate, key = _both(option, "cert", "key")
    authority = option.text("cacert", "")
    is_checked = not option.boolean("insecuressl", default=False)
    tls = bool(certificate or authority) or "insecuressl" in option.values
    properties = {
        "sasl.mechanisms": "PLAIN" if user else "",
        "sasl.username": user,
        "sasl.password": password,
        "ssl.ca.location": authority,
        "ssl.certificate.location": certificate,
        "ssl.key.location": key,
        "enable.ssl.certificate.verification": "" if is_checked else "false",
    }
    protocol = f"{'sasl_' if user else ''}{'ssl' if tls else 'plaintext'}"
    return {"security.protocol": protocol, **{name: value for name, value in properties.items() if value}}


def _both(option: Options, one: str, other: str) -> tuple[str, str]:
    values = option.text(one, ""), option.text(other, "")
    if any(values) and not all(values):
        given, missing = (one, other) if values[0] else (other, one)
        raise ConfigError(f"{option.flag}: `{given}` is of no use without `{missing}`")
    return values
