import pytest

from runtime.errors import UnavailableError
from tests.unit.writer.pipeline.clock import Clock
from writer.pipeline.outage_log import OutageLog

REFUSED, BUSY = UnavailableError("connection refused"), UnavailableError("HTTP 503: busy")


@pytest.fixture(autouse=True)
def _info_level(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "writer")


@pytest.fixture
def outage(clock: Clock) -> OutageLog:
    clock.skipped_s = 0.0
    return OutageLog("s")


def test_success_without_an_outage_is_not_logged(outage: OutageLog, caplog: pytest.LogCaptureFixture) -> None:
    outage.succeeded()
    assert caplog.records == []
    assert outage.reason is None


def test_the_first_failure_is_logged_with_sink_and_error(outage: OutageLog, caplog: pytest.LogCaptureFixture) -> None:
    outage.failed(REFUSED)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("sink unavailable")
    assert (vars(record)["sink"], vars(record)["error"]) == ("s", "connection refused")


def test_the_same_error_is_logged_once_however_long_it_lasts(
    outage: OutageLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(5):
        outage.failed(REFUSED)
        clock.skipped_s += 60
    assert len(caplog.records) == 1


def test_another_error_is_logged_only_ten_seconds_after_the_last_message(
    outage: OutageLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    counts: list[int] = []
    for error, after_s in ((REFUSED, 0), (BUSY, 9), (BUSY, 2), (REFUSED, 1), (BUSY, 1), (REFUSED, 11)):
        clock.skipped_s += after_s
        outage.failed(error)
        counts.append(len(caplog.records))
    assert counts == [1, 1, 2, 2, 2, 3]
    logged = [vars(record)["error"] for record in caplog.records]
    assert logged == ["connection refused", "HTTP 503: busy", "connection refused"]


def test_the_reason_has_the_duration_and_the_last_error(outage: OutageLog, clock: Clock) -> None:
    outage.failed(REFUSED)
    clock.skipped_s = 11.0
    outage.failed(BUSY)
    clock.skipped_s = 30.0
    assert outage.reason == "unavailable for 30 s: HTTP 503: busy"


def test_the_end_is_logged_with_the_duration(outage: OutageLog, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    outage.failed(REFUSED)
    clock.skipped_s = 30.0
    caplog.clear()
    outage.succeeded()
    outage.succeeded()
    (record,) = caplog.records
    assert (record.levelname, record.message) == ("INFO", "sink available again")
    assert vars(record)["after_s"] == pytest.approx(30.0, abs=1.0)
    assert outage.reason is None


def test_the_next_outage_is_logged_again_with_its_own_duration(
    outage: OutageLog, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    outage.failed(REFUSED)
    outage.succeeded()
    clock.skipped_s = 100.0
    outage.failed(REFUSED)
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO", "WARNING"]
    assert outage.reason == "unavailable for 0 s: connection refused"
