"""Pauses between attempts: longer each time, and never the same for all workers."""

import random
import threading
from typing import Final

FIRST_S: Final = 0.2
LONGEST_S: Final = 20.0


class Backoff:
    """One outage's pauses."""

    def __init__(self, stopped: threading.Event) -> None:
        """They end when the process is to."""
        self._stopped = stopped
        self._next_s = FIRST_S

    def wait(self, at_least_s: float = 0.0) -> None:
        """Pause, longer than the last time."""
        self._stopped.wait(at_least_s + random.uniform(self._next_s / 2, self._next_s))  # noqa: S311 - spreads the load
        self._next_s = min(2 * self._next_s, LONGEST_S)

    def reset(self) -> None:
        """All is well: begin with the shortest again."""
        self._next_s = FIRST_S
