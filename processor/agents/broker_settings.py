"""Kafka settings for Faust, whose client aiokafka has other names and fewer properties than librdkafka."""

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
_UNSUPPORTED_CERTIFICATES: Final = frozenset({"ssl.certificate.pem", "ssl.key.pem", "ssl.keystore.location"})
_OPTIONS: Final[Mapping[str, tuple[tuple[str, ...], Callable[[str], _Option]]]] = {
    "client.id": (("broker_client_id",), str),
    "compression.type": (("producer_compression_type",), lambda text: None if text == "none" else text),
    "connections.max.idle.ms": (("consumer_connections_max_idle_ms", "producer_connections_max_idle_ms"), int),
    "linger.ms": (("producer_linger",), lambda text: float(text) / 1000),
    "metadata.max.age.ms": (("consumer_metadata_max_age_ms", "producer_metadata_max_age_ms"), int),
}
"""librdkafka property -> the corresponding options of a Faust application, and the conversion of the value."""


def broker_options(kafka: KafkaSettings) -> dict[str, _Option]:
    """The options of a Faust application; logs a warning that names the properties without a Faust option."""
    options: dict[str, _Option] = {"producer_compression_type": "zstd"}
    for name, text in kafka.properties.items():
        if name in _OPTIONS:
            names, convert = _OPTIONS[name]
            options |= dict.fromkeys(names, convert(text))
    ignored = sorted(set(kafka.properties) - set(_OPTIONS) - _SECURITY)
    if ignored:
        log.warning(
            "the processor's Faust client does not support these properties and ignores them;"
            " the processor's other Kafka clients use them",
            extra={"flag": FLAG, "properties": ignored},
        )
    return options


def broker_credentials(kafka: KafkaSettings) -> CredentialsT | None:
    """SASL and TLS credentials; None if `security.protocol` is PLAINTEXT.

    Raises:
        ConfigError: aiokafka does not support the SASL mechanism or certificate format, or cannot use a certificate.
    """
    properties = kafka.properties
    protocol = properties.get("security.protocol", "PLAINTEXT").upper()
    context = _tls_context(properties) if protocol in _TLS else None
    if not protocol.startswith("SASL"):
        return faust.SSLCredentials(context) if context else None
    mechanism = properties.get("sasl.mechanisms", "GSSAPI")
    if mechanism not in _MECHANISMS:
        raise ConfigError(
            f"{FLAG}: sasl.mechanism={mechanism} is not supported by the processor; use {', '.join(_MECHANISMS)}"
        )
    return faust.SASLCredentials(
        username=properties.get("sasl.username"),
        password=properties.get("sasl.password"),
        mechanism=mechanism,
        ssl_context=context,
    )


def _tls_context(properties: Mapping[str, str]) -> ssl.SSLContext:
    unsupported = sorted(_UNSUPPORTED_CERTIFICATES & set(properties))
    if unsupported:
        raise ConfigError(
            f"{FLAG}: {unsupported[0]} is not supported: the processor reads a client certificate only from PEM files;"
            " set ssl.certificate.location and ssl.key.location"
        )
    try:
        context = _trust_context(properties)
        if certificate := properties.get("ssl.certificate.location"):
            key = properties.get("ssl.key.location")
            context.load_cert_chain(certificate, key, properties.get("ssl.key.password", ""))
        if ciphers := properties.get("ssl.cipher.suites"):
            context.set_ciphers(ciphers)
    except OSError as error:  # includes SSLError
        reason = error.strerror or str(error)
        raise ConfigError(f"{FLAG}: cannot use the certificates or ciphers of ssl.…: {reason}; check them") from None
    return context


def _trust_context(properties: Mapping[str, str]) -> ssl.SSLContext:
    """A context that verifies brokers by librdkafka's rules: certificates and host names, unless turned off."""
    location = properties.get("ssl.ca.location", "probe")
    folder = location if Path(location).is_dir() else None
    file = None if folder or location == "probe" else location
    context = ssl.create_default_context(cafile=file, capath=folder, cadata=properties.get("ssl.ca.pem"))
    if properties.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    if properties.get("enable.ssl.certificate.verification", "true") == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
