import click
import pytest

from runtime.flags import Brokers, WholeNumber


@pytest.mark.parametrize(
    ("text", "brokers"),
    [
        pytest.param("kafka:9092", "kafka:9092", id="one"),
        pytest.param("a:1, b-2.example.org:65535", "a:1,b-2.example.org:65535", id="several"),
        pytest.param("a:1,", "a:1", id="a comma at the end"),
        pytest.param("[::1]:9092", "[::1]:9092", id="IPv6"),
    ],
)
def test_brokers(text: str, brokers: str) -> None:
    assert Brokers().convert(text, None, None) == brokers


@pytest.mark.parametrize(
    "text", ["", ",", "kafka", "kafka:", ":9092", "kafka:0", "kafka:65536", "http://kafka:9092", "a:1;b:2", "a:1 b:2"]
)
def test_an_invalid_broker_is_rejected(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not HOST:PORT, such as kafka:9092; separate brokers by commas"):
        Brokers().convert(text, None, None)


@pytest.mark.parametrize(
    ("text", "message"), [("x", "'x' is not a valid whole number."), ("0", "0 is not in the range x>=1.")]
)
def test_an_invalid_number_is_rejected(text: str, message: str) -> None:
    with pytest.raises(click.BadParameter) as raised:
        WholeNumber(1).convert(text, None, None)
    assert raised.value.message == message
