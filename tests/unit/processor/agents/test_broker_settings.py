import logging
import ssl
from pathlib import Path

import faust
import pytest
import trustme

from processor.agents.broker_settings import broker_credentials, broker_options
from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings


def kafka(**properties: str) -> KafkaSettings:
    return KafkaSettings("k:9092", {name.replace("_", "."): text for name, text in properties.items()})


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    created = trustme.CA()
    created.cert_pem.write_to_path(tmp_path / "ca.pem")
    return created


def test_without_properties_there_are_no_credentials() -> None:
    assert broker_credentials(kafka()) is None


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_password_without_tls(mechanism: str) -> None:
    found = broker_credentials(
        kafka(security_protocol="SASL_PLAINTEXT", sasl_mechanisms=mechanism, sasl_username="u", sasl_password="p")
    )
    assert isinstance(found, faust.SASLCredentials)
    assert (found.protocol.value, found.mechanism.value) == ("SASL_PLAINTEXT", mechanism)
    assert (found.username, found.password, found.ssl_context) == ("u", "p", None)


def test_a_password_over_tls(tmp_path: Path, authority: trustme.CA) -> None:
    assert authority
    found = broker_credentials(
        kafka(
            security_protocol="sasl_ssl",
            sasl_mechanisms="PLAIN",
            sasl_username="u",
            sasl_password="p",
            ssl_ca_location=str(tmp_path / "ca.pem"),
        )
    )
    assert isinstance(found, faust.SASLCredentials)
    assert found.protocol.value == "SASL_SSL"
    assert found.ssl_context is not None
    assert [dict(name for (name,) in each["subject"])["organizationName"] for each in found.ssl_context.get_ca_certs()]


def context_of(**properties: str) -> ssl.SSLContext:
    found = broker_credentials(kafka(security_protocol="SSL", **properties))
    assert isinstance(found, faust.SSLCredentials)
    return found.context


@pytest.mark.parametrize(
    ("properties", "names_checked", "verified"),
    [
        ({}, True, ssl.CERT_REQUIRED),
        ({"ssl.endpoint.identification.algorithm": "none"}, False, ssl.CERT_REQUIRED),
        ({"ssl.endpoint.identification.algorithm": "https"}, True, ssl.CERT_REQUIRED),
        ({"enable.ssl.certificate.verification": "false"}, False, ssl.CERT_NONE),
    ],
)
def test_verification_of_the_broker(
    *, properties: dict[str, str], names_checked: bool, verified: ssl.VerifyMode
) -> None:
    context = context_of(**properties)
    assert (context.check_hostname, context.verify_mode) == (names_checked, verified)


def test_a_client_certificate(tmp_path: Path, authority: trustme.CA) -> None:
    issued = authority.issue_cert("client")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    given = {"ssl_ca_location": str(tmp_path / "ca.pem"), "ssl_certificate_location": str(tmp_path / "cert.pem")}
    assert context_of(**given, ssl_key_location=str(tmp_path / "key.pem"))
    with pytest.raises(ConfigError, match="--kafka-config: cannot use the certificates or ciphers"):
        context_of(**given, ssl_key_location=str(tmp_path / "ca.pem"))


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (
            {"security.protocol": "SASL_SSL", "sasl.mechanisms": "OAUTHBEARER"},
            "is not supported by the processor; use PLAIN, SCRAM",
        ),
        ({"security.protocol": "SSL", "ssl.keystore.location": "c.p12"}, "only from PEM files"),
        ({"security.protocol": "SSL", "ssl.ca.location": "/not/there"}, "No such file"),
        ({"security.protocol": "SSL", "ssl.cipher.suites": "no-such"}, "cannot use the certificates or ciphers"),
    ],
)
def test_unsupported_properties_are_a_start_up_error(properties: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        broker_credentials(KafkaSettings("k:9092", properties))


def test_properties_become_options_of_faust() -> None:
    properties = {"linger.ms": "5", "compression.type": "none", "metadata.max.age.ms": "9000", "client.id": "me"}
    assert broker_options(KafkaSettings("k:9092", properties)) == {
        "producer_linger": 0.005,
        "producer_compression_type": None,
        "consumer_metadata_max_age_ms": 9000,
        "producer_metadata_max_age_ms": 9000,
        "broker_client_id": "me",
    }


def test_properties_without_a_faust_option_are_named_in_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        options = broker_options(kafka(client_rack="a", sasl_password="hunter2", ssl_ca_location="ca.pem"))
    assert options == {"producer_compression_type": "zstd"}
    (warning,) = caplog.records
    assert vars(warning)["properties"] == ["client.rack"]
