"""Health of a process: liveness (should it be restarted?) and readiness (does it work now?)."""

from collections.abc import Callable
from typing import Final

KAFKA: Final = "Kafka"
PARTITIONS: Final = "partitions"
NO_PARTITIONS: Final = "no partitions: more workers than partitions, or the group is rebalancing"
NOT_YET: Final = "has not answered yet"


class Health:
    """Liveness and readiness, reported by the service's loops and served over HTTP; in memory, without locks.

    A process that waits for Kafka is alive but not ready: a restart would not help and would lose its state.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        """Start alive and not ready, as Kafka has not answered yet. The clock is monotonic, in seconds."""
        self._clock_s = clock_s
        self._reasons: dict[str, str] = {KAFKA: NOT_YET}
        self._loops: dict[str, tuple[float, float]] = {}  # time of the last beat, longest time between beats

    def report(self, part: str, reason: str | None) -> None:
        """Set the reason why this part of the process is not ready; None if it is ready."""
        if reason is None:
            self._reasons.pop(part, None)
        else:
            self._reasons[part] = reason

    def beat(self, loop: str, longest_s: float) -> None:
        """Record that a loop is running; without another beat within `longest_s` seconds it counts as stuck."""
        self._loops[loop] = (self._clock_s(), longest_s)

    def stuck(self) -> list[str]:
        """One line for each loop that is stuck; only a restart helps."""
        now_s = self._clock_s()
        return [
            f"{loop}: has not moved for {now_s - seen_s:.0f} s"
            for loop, (seen_s, longest_s) in sorted(self._loops.copy().items())
            if now_s - seen_s > longest_s
        ]

    def unready(self) -> list[str]:
        """One line for each reason why the process is not ready, stuck loops included; empty if it is ready."""
        return [*self.stuck(), *(f"{part}: {reason}" for part, reason in sorted(self._reasons.copy().items()))]
