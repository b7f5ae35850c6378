import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from runtime.logs import FaustLifecycleFilter, JsonFormatter, LogSettings, RateLimitFilter, TextFormatter


def is_logged(limit: RateLimitFilter, message: str, *, at_s: float) -> bool:
    record = logging.LogRecord("librdkafka", logging.ERROR, "", 0, message, None, None)
    record.created = at_s
    return bool(limit.filter(record))


@pytest.mark.parametrize(
    ("message", "at_s", "logged"),
    [
        pytest.param("FAIL kafka:9092 refused (after 3ms)", 59.0, False, id="within a minute"),
        pytest.param("FAIL kafka:9092 refused (after 17ms)", 1.0, False, id="other milliseconds"),
        pytest.param("FAIL [me#consumer-2] [thrd:x]: kafka:9092 refused", 1.0, False, id="another client"),
        pytest.param("FAIL kafka:9092 refused (after 3ms)", 60.0, True, id="a minute later"),
        pytest.param("FAIL kafka:9093 refused (after 3ms)", 1.0, True, id="another broker"),
        pytest.param("FAIL kafka:9092 refused (after 3ms)", -5.0, True, id="the clock was set back"),
    ],
)
def test_the_same_message_is_logged_once_a_minute(message: str, at_s: float, *, logged: bool) -> None:
    limit = RateLimitFilter("librdkafka", "aiokafka")
    assert is_logged(limit, "FAIL kafka:9092 refused (after 3ms)", at_s=0.0)
    assert is_logged(limit, "FAIL [me#producer-1] [thrd:x/bootstrap]: kafka:9092 refused", at_s=0.0)
    assert is_logged(limit, message, at_s=at_s) is logged


def test_errors_of_client_libraries_become_warnings() -> None:
    record = logging.LogRecord("librdkafka", logging.ERROR, "", 0, "FAIL", None, None)
    RateLimitFilter("librdkafka", "aiokafka").filter(record)
    assert (record.levelno, record.levelname) == (logging.WARNING, "WARNING")


@pytest.mark.parametrize(
    ("logger", "logged"),
    [("librdkafka", False), ("aiokafka", False), ("aiokafka.consumer", False), ("aiokafkas", True), ("writer", True)],
)
def test_only_client_libraries_are_limited(logger: str, *, logged: bool) -> None:
    limit = RateLimitFilter("librdkafka", "aiokafka")
    record = logging.LogRecord(logger, logging.WARNING, "", 0, "the same", None, None)
    assert limit.filter(record)
    assert limit.filter(record) is logged


def test_warnings_about_properties_of_other_clients_are_dropped() -> None:
    limit = RateLimitFilter("librdkafka", "aiokafka")
    text = "CONFWARN [rdkafka#consumer-9] [thrd:app]: Configuration property linger.ms is a producer property and will"
    assert not is_logged(limit, f"{text} be ignored by this consumer instance", at_s=0.0)
    assert is_logged(limit, "CONFWARN [rdkafka#consumer-9] [thrd:app]: something else", at_s=0.0)


def record(level: int = logging.WARNING, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "scraper.round", "levelno": level, "levelname": logging.getLevelName(level), "msg": "scrape failed"}
    )
    made.created = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC).timestamp()
    made.msecs = 678.0
    vars(made).update(extra)
    return made


def test_json_format() -> None:
    line = JsonFormatter().format(record(node="n1", partitions=[1, 2]))
    assert json.loads(line) == {
        "time": "2026-01-02T03:04:05.678+00:00",
        "level": "warning",
        "logger": "scraper.round",
        "message": "scrape failed",
        "node": "n1",
        "partitions": [1, 2],
    }


@pytest.mark.parametrize(
    ("extra", "logged"),
    [
        pytest.param({}, "scrape failed [scraper.round]", id="nothing more"),
        pytest.param({"node": "n1"}, "scrape failed node=n1 [scraper.round]", id="a word"),
        pytest.param({"reason": "no answer"}, 'scrape failed reason="no answer" [scraper.round]', id="several words"),
        pytest.param({"reason": 'say "no"'}, r'scrape failed reason="say \"no\"" [scraper.round]', id="with quotes"),
        pytest.param({"reason": "a\nb"}, r'scrape failed reason="a\nb" [scraper.round]', id="stays one line"),
        pytest.param({"first": ["n1", "n2"]}, "scrape failed first=n1,n2 [scraper.round]", id="a list"),
        pytest.param({"first": []}, "scrape failed first=none [scraper.round]", id="an empty list"),
        pytest.param({"offsets": {5: 16, 4: 12}}, "scrape failed offsets=5:16,4:12 [scraper.round]", id="by partition"),
        pytest.param({"seconds": 1.5}, "scrape failed seconds=1.5 [scraper.round]", id="a number"),
        pytest.param({"key": ""}, 'scrape failed key="" [scraper.round]', id="an empty text"),
    ],
)
def test_text_is_a_line_for_people(extra: dict[str, object], logged: str) -> None:
    local = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.678")
    assert TextFormatter().format(record(**extra)) == f"{local} WARNING  {logged}"


def test_warnings_are_coloured() -> None:
    coloured = TextFormatter(coloured=True)
    assert "\x1b[33mWARNING \x1b[0m scrape failed" in coloured.format(record())
    assert "\x1b[" not in coloured.format(record(logging.INFO))


def test_a_traceback_follows_its_line() -> None:
    try:
        int("odd")
    except ValueError as error:
        made = record(exc_info=(ValueError, error, error.__traceback__))
    first, *below = TextFormatter().format(made).splitlines()
    assert first.endswith("scrape failed [scraper.round]")
    assert below[0] == "    Traceback (most recent call last):"
    assert below[-1].startswith("    ValueError: invalid literal")


def log_lines(code: str) -> list[dict[str, object]]:
    """The log lines of a process that runs this code."""
    program = f"from runtime.logs import LogSettings\nLogSettings().start()\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_without_a_terminal_warnings_and_uncaught_exceptions_are_logged_as_json() -> None:
    warning, bug = log_lines("import warnings\nwarnings.warn('old')\nraise RuntimeError('broken')")
    assert (warning["level"], warning["logger"]) == ("warning", "py.warnings")
    assert (bug["level"], bug["message"]) == ("critical", "uncaught exception ends the process: a bug")
    assert str(bug["exception"]).endswith("RuntimeError: broken")


def test_an_uncaught_exception_of_a_thread_is_logged_as_json() -> None:
    code = "import threading\ndied = threading.Thread(target=lambda: 1 / 0, name='t')\ndied.start()\ndied.join()"
    (bug,) = log_lines(code)
    assert (bug["level"], bug["in_thread"]) == ("critical", "t")


@pytest.mark.parametrize(("given", "expected"), [("info", "warning"), ("debug", "debug"), ("error", "error")])
def test_a_level_set_by_the_user_overrides_the_default_of_a_command(given: str, expected: str) -> None:
    assert LogSettings(given).with_default_level("warning").level == expected


@pytest.mark.parametrize(
    ("level", "message", "logged"),
    [
        (logging.INFO, "[^--OrderedConsumer]: Starting...", False),
        (logging.ERROR, "[^--OrderedConsumer]: Crashed", True),
        (logging.INFO, "window scraped", True),
    ],
)
def test_fausts_service_messages_are_dropped(level: int, message: str, *, logged: bool) -> None:
    made = logging.LogRecord("processor.app", level, "", 0, message, None, None)
    assert FaustLifecycleFilter().filter(made) is logged
