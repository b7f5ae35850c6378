import threading

import pytest

from scraper.pauses import FIRST_S, LONGEST_S, Backoff
from tests.waiting import NotedWaits


def test_pauses_double_up_to_a_limit_with_jitter_and_begin_again_after_success() -> None:
    stopped = NotedWaits()
    pauses = Backoff(stopped)
    for _ in range(12):
        pauses.wait()
    limits = [min(FIRST_S * 2**number, LONGEST_S) for number in range(12)]
    assert all(limit / 2 <= waited <= limit for waited, limit in zip(stopped.seconds, limits, strict=True))
    assert limits[-1] == LONGEST_S
    pauses.reset()
    pauses.wait()
    assert stopped.seconds[-1] <= FIRST_S


def test_the_wish_to_stop_ends_a_pause() -> None:
    stopped = threading.Event()
    stopped.set()
    pauses = Backoff(stopped)
    for _ in range(50):
        pauses.wait()
    assert pauses._next_s == pytest.approx(LONGEST_S)


def test_a_pause_is_as_long_as_the_other_side_asks_for() -> None:
    stopped = NotedWaits()
    Backoff(stopped).wait(30.0)
    assert 30.0 + FIRST_S / 2 <= stopped.seconds[0] <= 30.0 + FIRST_S
