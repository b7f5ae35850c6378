"""The reason in the exception when Kafka is unreachable, as reported by the client's error callback."""

import pytest
from confluent_kafka import KafkaError

from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import ConnectionErrors, KafkaSettings

FAILED = KafkaError(KafkaError._TRANSPORT, "Failed to get metadata")
REFUSED = KafkaError(KafkaError._TRANSPORT, "Connection refused")
VAGUE = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")
PASSWORD = KafkaError(KafkaError._AUTHENTICATION, "Invalid username or password")
CERTIFICATE = KafkaError(KafkaError._SSL, "certificate verify failed")


def exception_after(*reported: KafkaError) -> ConfigError | UnavailableError:
    errors = ConnectionErrors(KafkaSettings("k:9092"))
    for error in reported:
        errors(error)
    return errors.to_exception(FAILED)


@pytest.mark.parametrize(
    ("reported", "reason"),
    [
        pytest.param((REFUSED,), "Connection refused", id="the reported error"),
        pytest.param((REFUSED, VAGUE), "Connection refused", id="not a later one without a reason"),
        pytest.param(
            (),
            "Failed to get metadata; if Kafka requires TLS or a password, set security.protocol with --kafka-config",
            id="none: the server accepts connections and closes them",
        ),
    ],
)
def test_an_unreachable_kafka_is_a_temporary_error(reported: tuple[KafkaError, ...], reason: str) -> None:
    error = exception_after(*reported)
    assert isinstance(error, UnavailableError)
    assert str(error) == f"Kafka at k:9092 does not answer: {reason}"


@pytest.mark.parametrize("reported", [(PASSWORD,), (CERTIFICATE,), (REFUSED, PASSWORD), (PASSWORD, REFUSED, VAGUE)])
def test_wrong_credentials_are_a_permanent_error(reported: tuple[KafkaError, ...]) -> None:
    error = exception_after(*reported)
    assert isinstance(error, ConfigError)
    assert str(error).endswith("; check --kafka-config")


def test_errors_from_before_the_last_answer_are_discarded() -> None:
    errors = ConnectionErrors(KafkaSettings("k:9092"))
    errors(PASSWORD)
    errors.clear()
    errors(REFUSED)
    assert "Connection refused" in str(errors.to_exception(FAILED))
