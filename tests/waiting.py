"""Wait for a condition until a deadline, instead of sleeping; and an event that records waits instead of waiting."""

import threading
import time
from collections.abc import Callable
from typing import Final

import pytest

DEADLINE_S: Final = 90.0
_POLL_INTERVAL_S: Final = 0.1


def wait_until(reached: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return as soon as the condition is true; after the deadline the test fails and names `what` it waited for."""
    ends_at = time.monotonic() + deadline_s
    while not reached():
        if time.monotonic() > ends_at:
            pytest.fail(f"not within {deadline_s:g} s: {what}")
        time.sleep(_POLL_INTERVAL_S)


class RecordedWaits(threading.Event):
    """Records the timeout of each wait and returns at once."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.seconds.append(timeout or 0.0)
        return self.is_set()
