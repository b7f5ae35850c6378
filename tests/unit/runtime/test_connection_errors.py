"""What is said when Kafka does not answer: the reason that the client has heard beside the call."""

import pytest
from confluent_kafka import KafkaError

from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import ConnectionErrors, KafkaSettings

FAILED = KafkaError(KafkaError._TRANSPORT, "Failed to get metadata")
REFUSED = KafkaError(KafkaError._TRANSPORT, "Connection refused")
VAGUE = KafkaError(KafkaError._ALL_BROKERS_DOWN, "1/1 brokers are down")
PASSWORD = KafkaError(KafkaError._AUTHENTICATION, "Invalid username or password")
CERTIFICATE = KafkaError(KafkaError._SSL, "certificate verify failed")


def told(*heard: KafkaError) -> ConfigError | UnavailableError:
    reasons = ConnectionErrors(KafkaSettings("k:9092"))
    for error in heard:
        reasons(error)
    return reasons.error(FAILED)


@pytest.mark.parametrize(
    ("heard", "reason"),
    [
        pytest.param((REFUSED,), "Connection refused", id="what was heard"),
        pytest.param((REFUSED, VAGUE), "Connection refused", id="not what says less"),
        pytest.param(
            (),
            "Failed to get metadata; if it asks for TLS or a password: security.protocol, --kafka-config",
            id="nothing: somebody listens there and hangs up",
        ),
    ],
)
def test_a_kafka_that_is_away_may_come_back(heard: tuple[KafkaError, ...], reason: str) -> None:
    error = told(*heard)
    assert isinstance(error, UnavailableError)
    assert str(error) == f"Kafka at k:9092 does not answer: {reason}"


@pytest.mark.parametrize("heard", [(PASSWORD,), (CERTIFICATE,), (REFUSED, PASSWORD), (PASSWORD, REFUSED, VAGUE)])
def test_a_refusal_does_not_get_better_by_waiting(heard: tuple[KafkaError, ...]) -> None:
    error = told(*heard)
    assert isinstance(error, ConfigError)
    assert str(error).endswith("; see --kafka-config")


def test_what_was_heard_before_it_answered_is_forgotten() -> None:
    reasons = ConnectionErrors(KafkaSettings("k:9092"))
    reasons(PASSWORD)
    reasons.forget()
    reasons(REFUSED)
    assert "Connection refused" in str(reasons.error(FAILED))
