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
        pytest.param("ssl.cipher.suites=A,\\\n    B\n", {"ssl.cipher.suites": "A,B"}, id="a line that goes on below"),
        pytest.param("sasl.password=a#b!c=d\n", {"sasl.password": "a#b!c=d"}, id="a value is what stands there"),
        pytest.param(
            "sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required"
            ' username="alice" password="a \\"quoted\\" one";',
            {"sasl.username": "alice", "sasl.password": 'a "quoted" one'},
            id="user and password as Java has them",
        ),
    ],
)
def test_properties_of_a_file(tmp_path: Path, text: str, expected: dict[str, str]) -> None:
    file = tmp_path / "client.properties"
    file.write_text(text)
    assert kafka_properties([str(file)]) == expected


def test_what_comes_later_wins_over_a_file(tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text("client.rack=of the file\nlinger.ms=5\n")
    assert kafka_properties([str(file), "client.rack=later"]) == {"client.rack": "later", "linger.ms": "5"}


@pytest.mark.parametrize("name", sorted(FORBIDDEN_PROPERTIES))
def test_what_would_break_a_promise_is_refused_with_its_reason(name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        kafka_properties([f"{name}=secret"])
    assert str(refused.value) == f"--kafka-config: {name} cannot be set: {FORBIDDEN_PROPERTIES[name]}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("client.rack=a\nhunter2\n", "a line that is not KEY=VALUE, after client.rack"),
        ("sasl.password hunter2\n", "a line that is not KEY=VALUE, after nothing"),
        ("acks=1\n", "acks cannot be set"),
        ("sasl.jaas.config=com.sun.Krb5LoginModule required keyTab=hunter2;\n", "without username and password"),
    ],
)
def test_a_bad_file_is_told_with_its_path_and_without_what_is_in_it(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "client.properties"
    file.write_text(text)
    with pytest.raises(ConfigError) as refused:
        kafka_properties([str(file)])
    assert reason in str(refused.value)
    assert str(file) in str(refused.value)
    assert "hunter2" not in str(refused.value)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(ConfigError, match="--kafka-config=/not/there: neither KEY=VALUE nor a file: No such file"):
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
def test_what_librdkafka_does_not_take_is_told_at_start(properties: dict[str, str], reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        KafkaSettings("k:9092", properties).check()
    assert str(refused.value).startswith(f"--kafka-config: {reason}")


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(KafkaSettings("k:9092", {"sasl.password": "hunter2"}))


def test_every_client_gets_them_and_what_is_promised_stays() -> None:
    kafka = KafkaSettings("k:9092", {"sasl.username": "alice", "linger.ms": "5", "acks": "0", "group.id": "theirs"})
    producer, consumer = producer_settings(kafka, "me"), consumer_settings(kafka, "me", "ours")
    assert producer["sasl.username"] == consumer["sasl.username"] == "alice"
    assert (producer["linger.ms"], producer["acks"], consumer["group.id"]) == ("5", "all", "ours")
