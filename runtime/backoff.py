"""Exponential back-off with jitter between attempts; obeys Retry-After."""

import random
import threading
from typing import Final

LONGEST_RETRY_AFTER_S: Final = 300.0  # a longer Retry-After is cut to this


def pause_s(failures: int, chance: float, retry_after_s: float | None = None, *, first_s: float, max_s: float) -> float:
    """Return the seconds to wait after `failures` (1 or more) in a row; `chance` is a random number from 0 to 1.

    The pause is `chance` times a limit that doubles from `first_s` to `max_s`. With a Retry-After, it is that delay
    plus at most `chance` times `first_s`, so that many clients do not return at the same moment.
    """
    limit_s: float = min(max_s, first_s * 2 ** min(failures - 1, 16))
    least_s = min(max(retry_after_s or 0.0, 0.0), LONGEST_RETRY_AFTER_S)
    return least_s + chance * (min(limit_s, first_s) if least_s else limit_s)


class Backoff:
    """Pauses between the attempts of one thread, each from half of the current limit to the full limit."""

    def __init__(self, stopped: threading.Event, *, first_s: float, max_s: float) -> None:
        """Start with the shortest pause; `stopped` ends a pause early."""
        self._stopped = stopped
        self._first_s = first_s
        self._max_s = max_s
        self._failures = 0

    def wait(self, retry_after_s: float = 0.0) -> None:
        """Pause after a failure."""
        self._failures += 1
        chance = random.uniform(0.5, 1)  # noqa: S311 - spreads the load, no secret
        self._stopped.wait(pause_s(self._failures, chance, retry_after_s, first_s=self._first_s, max_s=self._max_s))

    def reset(self) -> None:
        """Start with the shortest pause again, after a success."""
        self._failures = 0
