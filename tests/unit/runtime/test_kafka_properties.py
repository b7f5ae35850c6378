from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings, consumer_settings, producer_settings
from runtime.kafka_properties import FORBIDDEN_PROPERTIES, kafka_properties


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), {}),
        (("security.protocol=SASL_SSL",), {"security.protocol": "SASL_SSL"}),
        (("client.rack=a", "client.rack=b"), {"client.rack": "b"}),
        (("sasl.password=with=and space ",), {"sasl.password": "with=and space "}),
        (("sasl.mechanism=PLAIN",), {"sasl.mechanisms": "PLAIN"}),
        (("compression.codec=zstd",), {"compression.type": "zstd"}),
    ],
)
def test_properties_of_the_command_line(values: tuple[str, ...], expected: dict[str, str]) -> None:
    assert kafka_properties(values) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", {}, id="an empty file"),
        pytest.param("# comment\n! another\n\nclient.rack = a\n", {"client.rack": "a"}, id="comments and spaces"),
        pytest.param("ssl.cipher.suites=A,\\\n    B\n", {"ssl.cipher.suites": "A,B"}, id="a continued line"),
        pytest.param("sasl.password=a#b!c=d\n", {"sasl.password": "a#b!c=d"}, id="special characters in a value"),
        pytest.param(
            "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required"
            ' username="alice" password="a \\"quoted\\" one";',
            {"sasl.username": "alice", "sasl.password": 'a "quoted" one'},
            id="user and password of a Java client",
        ),
    ],
)
def test_properties_of_a_file(tmp_path: Path, text: str, expected: dict[str, str]) -> None:
    file = tmp_path / "client.properties"
    file.write_text(text)
    assert kafka_properties([str(file)]) == expected


def test_a_later_property_replaces_one_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text("client.rack=file\nlinger.ms=5\n")
    assert kafka_properties([str(file), "client.rack=later"]) == {"client.rack": "later", "linger.ms": "5"}


@pytest.mark.parametrize("name", sorted(FORBIDDEN_PROPERTIES))
def test_a_forbidden_property_is_rejected_with_the_reason(name: str) -> None:
    with pytest.raises(ConfigError) as raised:
        kafka_properties([f"{name}=secret"])
    assert str(raised.value) == f"--kafka-config: {name} cannot be set: {FORBIDDEN_PROPERTIES[name]}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("client.rack=a\nhunter2\n", "a line is not KEY=VALUE; keys before it: client.rack"),
        ("sasl.password hunter2\n", "a line is not KEY=VALUE; keys before it: none"),
        ("acks=1\n", "acks cannot be set"),
        ("sasl.jaas.config=com.sun.Krb5LoginModule required keyTab=hunter2;\n", "without username and password"),
    ],
)
def test_the_error_about_an_invalid_file_names_its_path_and_hides_its_content(
    tmp_path: Path, text: str, reason: str
) -> None:
    file = tmp_path / "client.properties"
    file.write_text(text)
    with pytest.raises(ConfigError) as raised:
        kafka_properties([str(file)])
    assert reason in str(raised.value)
    assert str(file) in str(raised.value)
    assert "hunter2" not in str(raised.value)


def test_a_missing_file_is_rejected() -> None:
    with pytest.raises(ConfigError, match="--kafka-config=/not/there: not KEY=VALUE, not a file: No such file"):
        kafka_properties(["/not/there"])


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"security.protocoll": "SSL"}, 'No such configuration property: "security.protocoll"'),
        ({"security.protocol": "TLS"}, 'Invalid value "TLS" for configuration property "security.protocol"'),
        ({"security.protocol": "SSL", "ssl.ca.location": "/not/there"}, "ssl.ca.location failed"),
        ({"security.protocol": "SASL_SSL", "sasl.mechanisms": "PLAIN"}, "sasl.username and sasl.password must be set"),
    ],
)
def test_properties_that_librdkafka_rejects_are_a_start_up_error(properties: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError) as raised:
        KafkaSettings("k:9092", properties).check()
    assert str(raised.value).startswith(f"--kafka-config: {reason}")


def test_repr_hides_secrets() -> None:
    assert "hunter2" not in repr(KafkaSettings("k:9092", {"sasl.password": "hunter2"}))


def test_properties_apply_to_every_client_but_replace_no_fixed_setting() -> None:
    kafka = KafkaSettings("k:9092", {"sasl.username": "alice", "linger.ms": "5", "acks": "0", "group.id": "theirs"})
    producer, consumer = producer_settings(kafka, "me"), consumer_settings(kafka, "me", "ours")
    assert producer["sasl.username"] == consumer["sasl.username"] == "alice"
    assert (producer["linger.ms"], producer["acks"], consumer["group.id"]) == ("5", "all", "ours")
