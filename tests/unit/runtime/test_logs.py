import json
import logging
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from runtime.logs import FaustLifecycleFilter, JsonFormatter, LogSettings, RateLimitFilter, TextFormatter


def passes(seldom: RateLimitFilter, message: str, *, at_s: float) -> bool:
    record = logging.LogRecord("librdkafka", logging.ERROR, "", 0, message, None, None)
    record.created = at_s
    return bool(seldom.filter(record))


@pytest.mark.parametrize(
    ("message", "at_s", "told"),
    [
        pytest.param("FAIL kafka:9092 refused (after 3ms)", 59.0, False, id="the same within a minute"),
        pytest.param("FAIL kafka:9092 refused (after 17ms)", 1.0, False, id="the same but for the milliseconds"),
        pytest.param("FAIL [me#consumer-2] [thrd:x]: kafka:9092 refused", 1.0, False, id="the same of another client"),
        pytest.param("FAIL kafka:9092 refused (after 3ms)", 60.0, True, id="the same a minute later"),
        pytest.param("FAIL kafka:9093 refused (after 3ms)", 1.0, True, id="another broker"),
        pytest.param("FAIL kafka:9092 refused (after 3ms)", -5.0, True, id="a clock that was set back"),
    ],
)
def test_a_message_passes_once_a_minute(message: str, at_s: float, *, told: bool) -> None:
    seldom = RateLimitFilter("librdkafka", "aiokafka")
    assert passes(seldom, "FAIL kafka:9092 refused (after 3ms)", at_s=0.0)
    assert passes(seldom, "FAIL [me#producer-1] [thrd:x/bootstrap]: kafka:9092 refused", at_s=0.0)
    assert passes(seldom, message, at_s=at_s) is told


def test_what_passes_is_a_warning_at_most() -> None:
    record = logging.LogRecord("librdkafka", logging.ERROR, "", 0, "FAIL", None, None)
    RateLimitFilter("librdkafka", "aiokafka").filter(record)
    assert (record.levelno, record.levelname) == (logging.WARNING, "WARNING")


@pytest.mark.parametrize(
    ("logger", "told"),
    [("librdkafka", False), ("aiokafka", False), ("aiokafka.consumer", False), ("aiokafkas", True), ("writer", True)],
)
def test_only_kafkas_clients_are_held_back(logger: str, *, told: bool) -> None:
    seldom = RateLimitFilter("librdkafka", "aiokafka")
    record = logging.LogRecord(logger, logging.WARNING, "", 0, "the same", None, None)
    assert seldom.filter(record)
    assert seldom.filter(record) is told


def test_a_property_for_another_kind_of_client_is_not_complained_about() -> None:
    seldom = RateLimitFilter("librdkafka", "aiokafka")
    text = "CONFWARN [rdkafka#consumer-9] [thrd:app]: Configuration property linger.ms is a producer property and will"
    assert not passes(seldom, f"{text} be ignored by this consumer instance", at_s=0.0)
    assert passes(seldom, "CONFWARN [rdkafka#consumer-9] [thrd:app]: something else", at_s=0.0)


def record(level: int = logging.WARNING, **extra: object) -> logging.LogRecord:
    made = logging.makeLogRecord(
        {"name": "scraper.round", "levelno": level, "levelname": logging.getLevelName(level), "msg": "scrape failed"}
    )
    made.created = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC).timestamp()
    made.msecs = 678.0
    vars(made).update(extra)
    return made


def test_json_is_one_object_a_line() -> None:
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
    ("extra", "told"),
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
def test_text_is_a_line_for_people(extra: dict[str, object], told: str) -> None:
    local = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.678")
    assert TextFormatter().format(record(**extra)) == f"{local} WARNING  {told}"


def test_colours_are_for_what_is_worth_a_look() -> None:
    coloured = TextFormatter(coloured=True)
    assert "\x1b[33mWARNING \x1b[0m scrape failed" in coloured.format(record())
    assert "\x1b[" not in coloured.format(record(logging.INFO))


def test_a_traceback_stands_below_its_line() -> None:
    try:
        int("odd")
    except ValueError as error:
        made = record(exc_info=(ValueError, error, error.__traceback__))
    first, *below = TextFormatter().format(made).splitlines()
    assert first.endswith("scrape failed [scraper.round]")
    assert below[0] == "    Traceback (most recent call last):"
    assert below[-1].startswith("    ValueError: invalid literal")


def told_by(code: str) -> list[dict[str, object]]:
    """The lines that a process logs that runs this."""
    program = f"from runtime.logs import LogSettings\nLogSettings().start()\n{code}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_where_no_person_reads_it_is_json_also_pythons_warnings_and_what_ends_the_process() -> None:
    warning, bug = told_by("import warnings\nwarnings.warn('old')\nraise RuntimeError('broken')")
    assert (warning["level"], warning["logger"]) == ("warning", "py.warnings")
    assert (bug["level"], bug["message"]) == ("critical", "a bug ends the process")
    assert str(bug["exception"]).endswith("RuntimeError: broken")


def test_a_thread_that_dies_is_told_in_the_same_form() -> None:
    code = "import threading\ndied = threading.Thread(target=lambda: 1 / 0, name='t')\ndied.start()\ndied.join()"
    (bug,) = told_by(code)
    assert (bug["level"], bug["in_thread"]) == ("critical", "t")


@pytest.mark.parametrize(("asked", "told"), [("info", "warning"), ("debug", "debug"), ("error", "error")])
def test_a_quiet_command_says_as_much_as_was_asked_for(asked: str, told: str) -> None:
    assert LogSettings(asked).with_default_level("warning").level == told


@pytest.mark.parametrize(
    ("level", "message", "told"),
    [
        (logging.INFO, "[^--OrderedConsumer]: Starting...", False),
        (logging.ERROR, "[^--OrderedConsumer]: Crashed", True),
        (logging.INFO, "window scraped", True),
    ],
)
def test_steps_of_faust_are_left_out(level: int, message: str, *, told: bool) -> None:
    made = logging.LogRecord("processor.app", level, "", 0, message, None, None)
    assert FaustLifecycleFilter().filter(made) is told
