"""A monotonic clock that a test moves forward."""

import time


class Clock:
    def __init__(self) -> None:
        self.skipped_s = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.skipped_s
