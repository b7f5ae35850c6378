"""Health of a process: whether it should be restarted, and whether it does its work now."""

from collections.abc import Callable
from typing import Final

KAFKA: Final = "Kafka"
PARTITIONS: Final = "partitions"
NO_PARTITIONS: Final = "no partitions: more workers than partitions, or the group is rebalancing"
NOT_YET: Final = "has not answered yet"


class Health:
    """Told by a service's loops, read by whoever asks over HTTP: in memory only, nobody waits for anybody.

    Alive is not ready. A process that waits for Kafka is alive: a restart would mend nothing, and cost what it holds.
    """

    def __init__(self, clock_s: Callable[[], float]) -> None:
        """Alive and not ready: Kafka has not been asked yet. The clock is monotonic, in seconds."""
        self._clock_s = clock_s
        self._reasons: dict[str, str] = {KAFKA: NOT_YET}
        self._loops: dict[str, tuple[float, float]] = {}  # when it was seen, and how long it may take

    def report(self, part: str, reason: str | None) -> None:
        """Why the process is not ready, as far as this part of it goes; None: it is."""
        if reason is None:
            self._reasons.pop(part, None)
        else:
            self._reasons[part] = reason

    def beat(self, loop: str, longest_s: float) -> None:
        """This loop goes round, and does so again within so many seconds, or hangs."""
        self._loops[loop] = (self._clock_s(), longest_s)

    def stuck(self) -> list[str]:
        """The loops that hang, a line each: only a restart helps."""
        now_s = self._clock_s()
        return [
            f"{loop}: has not moved for {now_s - seen_s:.0f} s"
            for loop, (seen_s, longest_s) in sorted(self._loops.copy().items())
            if now_s - seen_s > longest_s
        ]

    def unready(self) -> list[str]:
        """Why the process does not do its work now, a line each; nothing: it does."""
        return [*self.stuck(), *(f"{part}: {reason}" for part, reason in sorted(self._reasons.copy().items()))]
