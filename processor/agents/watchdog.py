"""Detects a stalled worker: records are waiting but none is read, or a rebalance does not end."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

CHECK_INTERVAL_S: Final = 5.0
STALLED_AFTER_S: Final = 60.0
MAX_REBALANCE_S: Final = 600.0
"""Of a rebalance with the recovery of the tables: large tables take minutes."""

_SUSPENDED_AFTER_S: Final = 3 * CHECK_INTERVAL_S

TopicPartition: TypeAlias = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class _LastPosition:
    position: int
    since_s: float


class Watchdog:
    """Checks for a stall at regular intervals; times are those of a monotonic clock.

    After a suspension of the process (no check for `_SUSPENDED_AFTER_S`) all measurements start again.
    """

    def __init__(self) -> None:
        """Start without any observation."""
        self._last: dict[TopicPartition, _LastPosition] = {}
        self._stable_s: float | None = None  # when no rebalance was under way for the last time
        self._checked_s: float | None = None

    def check_positions(self, positions: Mapping[TopicPartition, tuple[int, int]], now_s: float) -> str:
        """The partitions that have stalled, as a message; empty if none has.

        `positions` holds the next offset and the end offset of each assigned partition. The measurement of a partition
        starts again when it is missing or read to its end.
        """
        self._reset_after_suspension(now_s)
        self._stable_s = now_s
        self._last = {
            topic_partition: self._last_position(topic_partition, position, now_s)
            for topic_partition, (position, end) in positions.items()
            if position < end
        }
        stalled = [
            f"{topic}/{partition}"
            for (topic, partition), last in sorted(self._last.items(), key=lambda item: item[0])
            if now_s - last.since_s >= STALLED_AFTER_S
        ]
        return f"records are waiting but not read for {STALLED_AFTER_S:g} s: {', '.join(stalled)}" if stalled else ""

    def check_rebalance(self, now_s: float) -> str:
        """A message if the rebalance or recovery under way takes too long, otherwise empty."""
        self._reset_after_suspension(now_s)
        self._last = {}
        if self._stable_s is None:
            self._stable_s = now_s
        if now_s - self._stable_s < MAX_REBALANCE_S:
            return ""
        return f"a rebalance or the recovery of the tables has not ended for {MAX_REBALANCE_S:g} s"

    def _reset_after_suspension(self, now_s: float) -> None:
        if self._checked_s is not None and now_s - self._checked_s > _SUSPENDED_AFTER_S:
            self._last, self._stable_s = {}, None
        self._checked_s = now_s

    def _last_position(self, topic_partition: TopicPartition, position: int, now_s: float) -> _LastPosition:
        last = self._last.get(topic_partition)
        return last if last is not None and last.position == position else _LastPosition(position, now_s)
