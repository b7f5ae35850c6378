"""The backlog: partitions with records that should have been read by now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PATIENCE_S: Final = 15.0  # a record that waits longer is overdue


@dataclass(slots=True)
class Backlog:
    """Compares read positions with the partitions' ends of some seconds ago.

    At start-up a partition is behind until its end at that time has been read.
    """

    _targets: dict[int, tuple[int, float]] = field(
        default_factory=dict
    )  # partition to an end offset and when it was seen
    _positions: dict[int, int] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)

    def begin(self, partition: int, position: int, end: int) -> None:
        """Start with a partition that is read from `position` and ends at `end`."""
        self._positions[partition] = position
        self._ends[partition] = end
        self._targets[partition] = (end, float("-inf"))

    def read(self, partition: int, offset: int) -> None:
        """Note that everything up to this offset has been read."""
        self._positions[partition] = offset + 1

    def ended(self, ends: Mapping[int, int], now_s: float) -> None:
        """Note where partitions end now."""
        for partition, end in ends.items():
            target, _ = self._targets.get(partition, (0, 0.0))
            if self._positions.get(partition, 0) >= target:
                self._targets[partition] = (end, now_s)
            self._ends[partition] = end

    def behind(self, now_s: float) -> tuple[int, ...]:
        """Return the partitions that are behind."""
        return tuple(
            partition
            for partition, (target, since_s) in sorted(self._targets.items())
            if self._positions.get(partition, 0) < target and now_s - since_s > PATIENCE_S
        )

    @property
    def records(self) -> int:
        """Number of unread records in all partitions."""
        return sum(max(0, end - self._positions.get(partition, 0)) for partition, end in self._ends.items())
