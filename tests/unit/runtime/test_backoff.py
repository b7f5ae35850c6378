import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.backoff import Backoff, pause_s
from tests.waiting import RecordedWaits

FIRST_S, MAX_S = 0.5, 15.0


@pytest.mark.parametrize(
    ("failures", "retry_after_s", "chance", "expected"),
    [
        pytest.param(1, None, 1.0, 0.5, id="0.5 s after the first failure"),
        pytest.param(2, None, 1.0, 1.0, id="doubled"),
        pytest.param(3, None, 1.0, 2.0, id="doubled again"),
        pytest.param(6, None, 1.0, 15.0, id="never more than 15 s"),
        pytest.param(10_000, None, 1.0, 15.0, id="after any number of failures"),
        pytest.param(3, None, 0.25, 0.5, id="a quarter of the limit"),
        pytest.param(3, None, 0.0, 0.0, id="no pause"),
        pytest.param(1, 7.0, 0.0, 7.0, id="not before Retry-After"),
        pytest.param(9, 7.0, 1.0, 7.5, id="with jitter, so that not all clients return at once"),
        pytest.param(1, 86400.0, 0.0, 300.0, id="a Retry-After of a day is cut to five minutes"),
        pytest.param(1, -3.0, 0.0, 0.0, id="a negative Retry-After is ignored"),
    ],
)
def test_pause(failures: int, retry_after_s: float | None, chance: float, expected: float) -> None:
    assert pause_s(failures, chance, retry_after_s, first_s=FIRST_S, max_s=MAX_S) == expected


@given(st.integers(1, 100_000), st.none() | st.floats(0, 1e6), st.floats(0, 1))
def test_pauses_are_bounded(failures: int, retry_after_s: float | None, chance: float) -> None:
    assert 0 <= pause_s(failures, chance, retry_after_s, first_s=FIRST_S, max_s=MAX_S) <= 315


def backoff(stopped: threading.Event) -> Backoff:
    return Backoff(stopped, first_s=FIRST_S, max_s=MAX_S)


def test_pauses_double_up_to_a_limit_with_jitter_and_start_again_after_success() -> None:
    stopped = RecordedWaits()
    pauses = backoff(stopped)
    for _ in range(12):
        pauses.wait()
    limits = [min(FIRST_S * 2**number, MAX_S) for number in range(12)]
    assert all(limit / 2 <= waited <= limit for waited, limit in zip(stopped.seconds, limits, strict=True))
    assert limits[-1] == MAX_S
    pauses.reset()
    pauses.wait()
    assert stopped.seconds[-1] <= FIRST_S


def test_shutdown_ends_a_pause() -> None:
    stopped = threading.Event()
    stopped.set()
    pauses = backoff(stopped)
    for _ in range(50):  # minutes, if they waited
        pauses.wait()


def test_a_pause_is_as_long_as_the_server_asks_for() -> None:
    stopped = RecordedWaits()
    backoff(stopped).wait(30.0)
    assert 30.0 + FIRST_S / 2 <= stopped.seconds[0] <= 30.0 + FIRST_S
