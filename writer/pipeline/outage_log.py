"""Outage: what is said about a sink that has stopped taking points."""

import logging
import threading
import time
from typing import Final

from runtime.errors import UnavailableError

log = logging.getLogger(__name__)

_TELL_CHANGE_AFTER_S: Final = 10.0


class OutageLog:
    """Tells once that a sink has stopped taking points, and once that it takes them again."""

    def __init__(self, sink: str) -> None:
        """No outage yet."""
        self._sink = sink
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._newest = ""
        self._told: tuple[str, float] = ("", 0.0)

    def failed(self, error: UnavailableError) -> None:
        """A try has failed; told if it is the first, or fails in another way than before."""
        now = time.monotonic()
        with self._lock:
            self._newest = str(error)
            message, told_at = self._told
            if self._began_at is None or (message != str(error) and now - told_at > _TELL_CHANGE_AFTER_S):
                self._told = (str(error), now)
                self._began_at = now if self._began_at is None else self._began_at
                log.warning(
                    "sink unavailable: points wait in Kafka, trying again until it takes them",
                    extra={"sink": self._sink, "error": str(error)},
                )

    @property
    def reason(self) -> str | None:
        """What the last try failed with, and for how long none has succeeded; None while the sink takes points."""
        with self._lock:
            if self._began_at is None:
                return None
            return f"takes no points since {time.monotonic() - self._began_at:.0f} s: {self._newest}"

    def over(self) -> None:
        """The sink has answered."""
        with self._lock:
            if self._began_at is not None:
                seconds = round(time.monotonic() - self._began_at, 1)
                log.info("sink available again", extra={"sink": self._sink, "after_s": seconds})
                self._began_at = None
