from collections.abc import Mapping

import pytest

from runtime.errors import ConfigError
from runtime.uri import UriOptions, parse_keyed_uri
from writer.sinks.kafka_config import KafkaConfig
from writer.sinks.registry import create_sink


def config(query: str) -> KafkaConfig:
    keyed = parse_keyed_uri("--sink", f"kafka:?{query}", {})
    option = UriOptions.from_uri(keyed)
    found = KafkaConfig.parse(keyed, option)
    option.reject_unknown()
    return found


def test_defaults_are_heapsters() -> None:
    found = config("brokers=k:9092")
    assert (found.brokers, found.topic) == ("k:9092", "heapster-metrics")
    assert found.properties == {"compression.type": "none", "security.protocol": "plaintext"}


@pytest.mark.parametrize("query", ["brokers=a:1,b:2", "brokers=a:1&brokers=b:2", "brokers=a:1,+b:2,"])
def test_brokers_are_listed_or_repeated(query: str) -> None:
    assert config(query).brokers == "a:1,b:2"


@pytest.mark.parametrize(
    ("query", "properties"),
    [
        pytest.param(
            "user=me&password=secret",
            {"security.protocol": "sasl_plaintext", "sasl.mechanisms": "PLAIN"}
            | {"sasl.username": "me", "sasl.password": "secret"},
            id="a password",
        ),
        pytest.param("cacert=/ca", {"security.protocol": "ssl", "ssl.ca.location": "/ca"}, id="TLS"),
        pytest.param(
            "cert=/c&key=/k",
            {"security.protocol": "ssl", "ssl.certificate.location": "/c", "ssl.key.location": "/k"},
            id="a client certificate",
        ),
        pytest.param("insecuressl=false", {"security.protocol": "ssl"}, id="TLS, verified with the system CAs"),
        pytest.param(
            "insecuressl=true",
            {"security.protocol": "ssl", "enable.ssl.certificate.verification": "false"},
            id="TLS, not verified",
        ),
        pytest.param(
            "user=me&password=secret&cacert=/ca",
            {"security.protocol": "sasl_ssl", "sasl.mechanisms": "PLAIN"}
            | {"sasl.username": "me", "sasl.password": "secret", "ssl.ca.location": "/ca"},
            id="both",
        ),
    ],
)
def test_security(query: str, properties: Mapping[str, str]) -> None:
    assert config(f"brokers=k:9092&{query}").properties == {"compression.type": "none", **properties}


def test_the_producer_waits_for_all_replicas() -> None:
    settings = config("brokers=k:9092&compression=gzip").settings
    assert settings["acks"] == "all"
    assert settings["enable.idempotence"] is True
    assert settings["compression.type"] == "gzip"
    assert settings["message.timeout.ms"] == 20_000


def test_identity_is_the_brokers_and_the_topic() -> None:
    found = config("brokers=b:2,a:1&timeseriestopic=t&user=me&password=hunter2&metrics=cpu/*")
    assert found.identity == "kafka-a:1,b:2-t"
    assert "hunter2" not in repr(found) + found.identity


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("kafka", "`brokers` is missing: expected kafka:?brokers=HOST:PORT,HOST:PORT"),
        ("kafka:http://k:9092", "give brokers as an option: expected kafka:?brokers=HOST:PORT"),
        ("kafka:?brokers=k", "the option `brokers`: 'k' is not HOST:PORT"),
        ("kafka:?brokers=k:1&timeseriestopic=", "`timeseriestopic` is empty: give the name of a topic"),
        ("kafka:?brokers=k:1&compression=zip", "failed to parse `compression` flag - 'zip' is none of none, gzip"),
        ("kafka:?brokers=k:1&user=me", "`user` needs `password` too"),
        ("kafka:?brokers=k:1&key=/k", "`key` needs `cert` too"),
        ("kafka:?brokers=k:1&cacert=/no/such", "ssl.ca.location failed"),
        ("kafka:?brokers=k:1&topic=t", "unknown option `topic`"),
        ("kafka:?brokers=k:1&exclude_tags=labels", "unknown option `exclude_tags`"),
    ],
)
def test_an_invalid_sink_is_a_start_up_error(value: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        create_sink("--sink", value)
    assert str(raised.value).startswith("--sink=kafka: ")
    assert message in str(raised.value)
