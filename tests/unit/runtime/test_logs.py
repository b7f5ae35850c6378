import logging

import pytest

from runtime.logs import Seldom


def passes(seldom: Seldom, message: str, *, at_s: float) -> bool:
    record = logging.LogRecord("librdkafka", logging.ERROR, "", 0, message, None, None)
    record.created = at_s
    return bool(seldom.filter(record))


@pytest.mark.parametrize(
    ("message", "at_s", "told"),
    [
        pytest.param("FAIL kafka:9092 refused (after 3ms)", 59.0, False, id="the same within a minute"),
        pytest.param("FAIL kafka:9092 refused (after 17ms)", 1.0, False, id="the same but for the milliseconds"),
        pytest.param("FAIL kafka:9092 refused (after 3ms)", 60.0, True, id="the same a minute later"),
        pytest.param("FAIL kafka:9093 refused (after 3ms)", 1.0, True, id="another broker"),
        pytest.param("FAIL kafka:9092 refused (after 3ms)", -5.0, True, id="a clock that was set back"),
    ],
)
def test_a_message_passes_once_a_minute(message: str, at_s: float, *, told: bool) -> None:
    seldom = Seldom("librdkafka", "aiokafka")
    assert passes(seldom, "FAIL kafka:9092 refused (after 3ms)", at_s=0.0)
    assert passes(seldom, message, at_s=at_s) is told


def test_what_passes_is_a_warning_at_most() -> None:
    record = logging.LogRecord("librdkafka", logging.ERROR, "", 0, "FAIL", None, None)
    Seldom("librdkafka", "aiokafka").filter(record)
    assert (record.levelno, record.levelname) == (logging.WARNING, "WARNING")


@pytest.mark.parametrize(
    ("logger", "told"),
    [("librdkafka", False), ("aiokafka", False), ("aiokafka.consumer", False), ("aiokafkas", True), ("writer", True)],
)
def test_only_kafkas_clients_are_held_back(logger: str, *, told: bool) -> None:
    seldom = Seldom("librdkafka", "aiokafka")
    record = logging.LogRecord(logger, logging.WARNING, "", 0, "the same", None, None)
    assert seldom.filter(record)
    assert seldom.filter(record) is told
