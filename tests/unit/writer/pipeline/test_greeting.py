import logging
import threading

import pytest

from runtime.errors import UnavailableError
from writer.pipeline.greeting import check_sink
from writer.pipeline.outage_log import OutageLog
from writer.sinks.sink import Sink


class Greeted(Sink):
    """A sink that is not ready the first few times."""

    def __init__(self, *failures: str) -> None:
        self.failures = list(failures)

    def prepare(self) -> None:
        if self.failures:
            raise UnavailableError(self.failures.pop(0))


class NoPause(threading.Event):
    """Nobody tells us to stop, and no time passes."""

    def wait(self, _timeout: float | None = None) -> bool:
        return False


def test_a_sink_that_refuses_the_password_is_told_before_there_are_points(caplog: pytest.LogCaptureFixture) -> None:
    outage = OutageLog("s")
    with caplog.at_level(logging.INFO):
        check_sink(Greeted("HTTP 401", "HTTP 401"), outage, NoPause())
    told = [(record.levelname, vars(record).get("error")) for record in caplog.records]
    assert told == [("WARNING", "HTTP 401"), ("INFO", None)]
    assert outage.reason is None


def test_a_sink_that_is_ready_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        check_sink(Greeted(), OutageLog("s"), NoPause())
    assert caplog.records == []


def test_it_ends_when_the_writer_is_to_stop() -> None:
    stopped = threading.Event()
    stopped.set()
    check_sink(Greeted("HTTP 401"), OutageLog("s"), stopped)
