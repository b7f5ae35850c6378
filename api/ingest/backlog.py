"""Catching up: which partitions have records that should have been read by now."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

PATIENCE_S: Final = 15.0  # a record that has lain there for longer should have been read


@dataclass(slots=True)
class Backlog:
    """Positions against ends: where a partition ended a while ago, its reader is to have come by now.

    At the start it is behind until it has come to where the partition ended then.
    """

    _targets: dict[int, tuple[int, float]] = field(default_factory=dict)  # by partition: an end, and since when
    _positions: dict[int, int] = field(default_factory=dict)
    _ends: dict[int, int] = field(default_factory=dict)

    def begin(self, partition: int, position: int, end: int) -> None:
        """A partition is read from `position`; it ends at `end`."""
        self._positions[partition] = position
        self._ends[partition] = end
        self._targets[partition] = (end, float("-inf"))

    def read(self, partition: int, offset: int) -> None:
        """Everything up to this offset has been read."""
        self._positions[partition] = offset + 1

    def ended(self, ends: Mapping[int, int], now_s: float) -> None:
        """Where partitions end now."""
        for partition, end in ends.items():
            target, _ = self._targets.get(partition, (0, 0.0))
            if self._positions.get(partition, 0) >= target:
                self._targets[partition] = (end, now_s)
            self._ends[partition] = end

    def behind(self, now_s: float) -> tuple[int, ...]:
        """Partitions that are not where they should be."""
        return tuple(
            partition
            for partition, (target, since_s) in sorted(self._targets.items())
            if self._positions.get(partition, 0) < target and now_s - since_s > PATIENCE_S
        )

    @property
    def records(self) -> int:
        """Records not read yet, in all partitions."""
        return sum(max(0, end - self._positions.get(partition, 0)) for partition, end in self._ends.items())
