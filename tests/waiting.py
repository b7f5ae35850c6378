"""Waiting for what other processes do, by a deadline instead of a sleep; and not waiting where pauses are looked at."""

import threading
import time
from collections.abc import Callable
from typing import Final

import pytest

DEADLINE_S: Final = 90.0
_LOOK_EVERY_S: Final = 0.1


def wait_until(reached: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as it is so; past the deadline the test fails, saying what it waited for."""
    ends_at = time.monotonic() + deadline_s
    while not reached():
        if time.monotonic() > ends_at:
            pytest.fail(f"not within {deadline_s:g} s: {what}")
        time.sleep(_LOOK_EVERY_S)


class RecordedWaits(threading.Event):
    """Notes how long it was waited for instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return self.is_set()
