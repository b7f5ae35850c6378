"""Outages of a sink: logged once when they start and once when they end."""

import logging
import threading
import time
from typing import Final

from runtime.errors import UnavailableError

log = logging.getLogger(__name__)

_LOG_CHANGE_AFTER_S: Final = 10.0


class OutageLog:
    """Whether one sink accepts points, and its log messages; may be called from several threads."""

    def __init__(self, sink: str) -> None:
        """Start without an outage."""
        self._sink = sink
        self._lock = threading.Lock()
        self._began_at: float | None = None
        self._last_error = ""
        self._logged: tuple[str, float] = ("", 0.0)  # error and time

    def failed(self, error: UnavailableError) -> None:
        """Note a failed attempt; log the first of an outage, and a different error after 10 s."""
        now = time.monotonic()
        with self._lock:
            self._last_error = str(error)
            logged, logged_at = self._logged
            if self._began_at is None or (logged != str(error) and now - logged_at > _LOG_CHANGE_AFTER_S):
                self._logged = (str(error), now)
                self._began_at = now if self._began_at is None else self._began_at
                log.warning(
                    "sink unavailable: retrying; points wait in Kafka until it is available again",
                    extra={"sink": self._sink, "error": str(error)},
                )

    @property
    def reason(self) -> str | None:
        """Duration of the outage in seconds and the last error; None if there is no outage."""
        with self._lock:
            if self._began_at is None:
                return None
            return f"unavailable for {time.monotonic() - self._began_at:.0f} s: {self._last_error}"

    def succeeded(self) -> None:
        """Note that the sink answered; log the end of an outage."""
        with self._lock:
            if self._began_at is not None:
                seconds = round(time.monotonic() - self._began_at, 1)
                log.info("sink available again", extra={"sink": self._sink, "after_s": seconds})
                self._began_at = None
