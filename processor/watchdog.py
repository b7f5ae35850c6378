"""Notices a reader that has stopped without saying so: partitions are assigned, records wait, nothing moves."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

STALLED_AFTER_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Seen:
    position: int
    since_s: float


class Watchdog:
    """Told positions and ends now and then; tells which partitions have stood still for too long."""

    def __init__(self) -> None:
        """Nothing seen so far."""
        self._seen: dict[int, _Seen] = {}

    def stalled(self, positions: Mapping[int, tuple[int, int]], now_s: float) -> tuple[int, ...]:
        """Partitions with records behind their position that has not moved for a minute.

        `positions`: by partition the next offset and the end. A partition that is missing or read to its end
        starts afresh.
        """
        self._seen = {
            partition: self._since(partition, position, now_s)
            for partition, (position, end) in positions.items()
            if position < end
        }
        return tuple(
            partition for partition, seen in sorted(self._seen.items()) if now_s - seen.since_s >= STALLED_AFTER_S
        )

    def _since(self, partition: int, position: int, now_s: float) -> _Seen:
        seen = self._seen.get(partition)
        return seen if seen is not None and seen.position == position else _Seen(position, now_s)
