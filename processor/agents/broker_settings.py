"""The Kafka settings as Faust takes them: its client is aiokafka, with other names and fewer properties."""

import logging
import ssl
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, TypeAlias

import faust
from faust.types.auth import CredentialsT

from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings
from runtime.kafka_properties import FLAG

log = logging.getLogger(__name__)

_Option: TypeAlias = str | float | None

_TLS: Final = frozenset({"SSL", "SASL_SSL"})
_MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_SECURITY: Final = frozenset(
    {
        "enable.ssl.certificate.verification",
        "sasl.mechanisms",
        "sasl.password",
        "sasl.username",
        "security.protocol",
        "ssl.ca.location",
        "ssl.ca.pem",
        "ssl.certificate.location",
        "ssl.cipher.suites",
        "ssl.endpoint.identification.algorithm",
        "ssl.key.location",
        "ssl.key.password",
    }
)
_IDENTITY: Final = frozenset({"ssl.certificate.pem", "ssl.key.pem", "ssl.keystore.location"})
_OPTIONS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[str], _Option]]]] = {
    "client.id": (("broker_client_id",), str),
    "compression.type": (("producer_compression_type",), lambda text: None if text == "none" else text),
    "connections.max.idle.ms": (("consumer_connections_max_idle_ms", "producer_connections_max_idle_ms"), int),
    "linger.ms": (("producer_linger",), lambda text: float(text) / 1000),
    "metadata.max.age.ms": (("consumer_metadata_max_age_ms", "producer_metadata_max_age_ms"), int),
}
"""By property the options of a Faust application that say the same."""


def broker_options(kafka: KafkaSettings) -> dict[str, _Option]:
    """What the properties make of a Faust application's options; those that it has no option for are told."""
    options: dict[str, _Option] = {"producer_compression_type": "zstd"}
    for name, text in kafka.properties.items():
        if name in _OPTIONS:
            names, convert = _OPTIONS[name]
            options |= dict.fromkeys(names, convert(text))
    ignored = sorted(set(kafka.properties) - set(_OPTIONS) - _SECURITY)
    if ignored:
        log.warning(
            "the processor's stream does not honour these properties; its other connections do",
            extra={"flag": FLAG, "properties": ignored},
        )
    return options


def broker_credentials(kafka: KafkaSettings) -> CredentialsT | None:
    """User, password and certificates; None if neither is asked for.

    Raises:
        ConfigError: a way to prove who we are that aiokafka does not know, or a certificate that cannot be read.
    """
    given = kafka.properties
    protocol = given.get("security.protocol", "PLAINTEXT").upper()
    context = _tls(given) if protocol in _TLS else None
    if not protocol.startswith("SASL"):
        return faust.SSLCredentials(context) if context else None
    mechanism = given.get("sasl.mechanisms", "GSSAPI")
    if mechanism not in _MECHANISMS:
        raise ConfigError(f"{FLAG}: sasl.mechanism={mechanism}: the processor knows {', '.join(_MECHANISMS)}")
    return faust.SASLCredentials(
        username=given.get("sasl.username"),
        password=given.get("sasl.password"),
        mechanism=mechanism,
        ssl_context=context,
    )


def _tls(given: Mapping[str, str]) -> ssl.SSLContext:
    unknown = sorted(_IDENTITY & set(given))
    if unknown:
        raise ConfigError(
            f"{FLAG}: {unknown[0]}: the processor reads a client certificate only from PEM files:"
            " give ssl.certificate.location and ssl.key.location"
        )
    try:
        context = _trusting(given)
        if certificate := given.get("ssl.certificate.location"):
            key = given.get("ssl.key.location")
            context.load_cert_chain(certificate, key, given.get("ssl.key.password", ""))
        if ciphers := given.get("ssl.cipher.suites"):
            context.set_ciphers(ciphers)
    except OSError as error:  # SSLError is one
        reason = error.strerror or str(error)
        raise ConfigError(f"{FLAG}: the certificates or ciphers of ssl.… cannot be used: {reason}") from None
    return context


def _trusting(given: Mapping[str, str]) -> ssl.SSLContext:
    """Whom to believe: librdkafka's rules, by which names are checked unless that is turned off."""
    location = given.get("ssl.ca.location", "probe")
    folder = location if Path(location).is_dir() else None
    file = None if folder or location == "probe" else location
    context = ssl.create_default_context(cafile=file, capath=folder, cadata=given.get("ssl.ca.pem"))
    if given.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    if given.get("enable.ssl.certificate.verification", "true") == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
