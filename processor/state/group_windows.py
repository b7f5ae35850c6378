"""Group totals of all source partitions, and when to write a group's batch.

Of each source partition's totals, the one with the greatest offset counts, in whatever order they arrive. To keep
incomplete sums off dashboards, a group's batch is written when all of its nodes are included, when its totals have not
changed for a while, or when it has waited too long. A later change of a total writes the batch again.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Final

from processor.state.node_windows import GroupWindow
from schemas.group_sum import GroupSum, SourceProgress, node_counts

QUIET_S: Final = 4.0
"""Longer than the interval at which a node agent sends changed totals."""

MAX_WAIT_S: Final = 10.0
KEPT_GROUP_WINDOWS: Final = 15
MIN_KEPT_NS: Final = 15 * 60 * 1_000_000_000
"""Groups keep the windows of this time, at least `KEPT_GROUP_WINDOWS`: source partitions may differ by that much."""


@dataclass(slots=True)
class _PendingBatch:
    first_change_s: float
    last_change_s: float
    complete: bool = False
    not_before_s: float = -inf

    def is_due(self, now_s: float, *, force: bool) -> bool:
        if now_s < self.not_before_s:
            return False
        quiet, overdue = now_s - self.last_change_s >= QUIET_S, now_s - self.first_change_s >= MAX_WAIT_S
        return force or self.complete or quiet or overdue


class GroupWindows:
    """The state of one partition of `group-sums`. Times in seconds are passed in, from a monotonic clock."""

    def __init__(self, source_partitions: int) -> None:
        """Start empty; `source_partitions` is the number of partitions of `kubelet-stats`."""
        self._source_partitions = source_partitions
        self._totals: dict[GroupWindow, dict[int, GroupSum]] = {}  # by source partition
        self._pending: dict[GroupWindow, _PendingBatch] = {}
        self._written_complete: set[GroupWindow] = set()  # written because all nodes were included
        self._progress: dict[int, SourceProgress] = {}  # committed, by source partition
        self._uncommitted: deque[tuple[int, SourceProgress]] = deque()  # progress records with their offsets
        self._horizon_ns = -(2**63)

    def restore(self, totals: Iterable[GroupSum], *, write_again_at_s: float) -> None:
        """Add the totals that another worker stored; all of their batches are due again at the given time.

        The other worker may still write a batch of an incomplete sum. One session timeout later it no longer can.
        """
        for total in totals:
            window = group_window(total)
            self._totals.setdefault(window, {})[total.source_partition] = total
            self._pending[window] = _PendingBatch(-inf, -inf, not_before_s=write_again_at_s)

    def is_newer(self, total: GroupSum) -> bool:
        """Whether the total has a greater offset than the stored total of its source partition."""
        stored = self._totals.get(group_window(total), {}).get(total.source_partition)
        return stored is None or total.source_offset > stored.source_offset

    def is_expired(self, total: GroupSum) -> bool:
        """Whether the total's window is no longer kept."""
        return total.window_end_ns <= self._horizon_ns

    def fold(self, total: GroupSum, now_s: float) -> None:
        """Add a total that is newer than the stored one."""
        window = group_window(total)
        totals = self._totals.setdefault(window, {})
        totals[total.source_partition] = total
        pending = self._pending.setdefault(window, _PendingBatch(now_s, now_s))
        pending.last_change_s = now_s
        # once only: with more nodes than expected, each further node would be written at once
        nodes, expected = node_counts(totals.values())
        pending.complete = window not in self._written_complete and nodes >= expected

    def due(self, now_s: float, *, force: bool = False) -> list[GroupWindow]:
        """Remove and return the pending batches that are to be written now; `force` does not wait for changes."""
        due = [window for window, pending in self._pending.items() if pending.is_due(now_s, force=force)]
        for window in due:
            if self._pending.pop(window).complete:
                self._written_complete.add(window)
        return due

    def totals(self, window: GroupWindow) -> tuple[GroupSum, ...]:
        """The total of each source partition, in the order of the partitions."""
        return tuple(total for _, total in sorted(self._totals.get(window, {}).items()))

    def is_pending(self, window: GroupWindow) -> bool:
        """Whether the batch of this group and window is still to be written."""
        return window in self._pending

    @property
    def pending(self) -> int:
        """The number of batches still to be written."""
        return len(self._pending)

    def add_progress(self, progress: SourceProgress, offset: int) -> None:
        """Store a source partition's progress record, which is at `offset`."""
        self._uncommitted.append((offset, progress))

    def expire(self, committed: int) -> list[GroupSum]:
        """Drop windows that every source partition has left behind; returns their totals.

        Only progress records below the committed offset count: all totals of the windows that they leave behind have
        lower offsets, so no worker gets only a part of them again. Idle partitions are ignored. Nothing expires before
        every source partition has reported its progress.
        """
        while self._uncommitted and self._uncommitted[0][0] < committed:
            self._update_progress(self._uncommitted.popleft()[1])
        if len(self._progress) < self._source_partitions or not self._totals:
            return []
        watermark_ns = self._watermark_ns()
        if watermark_ns is None:
            return []
        expired: list[GroupSum] = []
        for window, totals in list(self._totals.items()):
            resolution_ns = next(iter(totals.values())).resolution_ns
            horizon_ns = watermark_ns - max(KEPT_GROUP_WINDOWS * resolution_ns, MIN_KEPT_NS)
            if window.window_end_ns <= horizon_ns and window not in self._pending:
                self._horizon_ns = max(self._horizon_ns, window.window_end_ns)
                expired.extend(self._totals.pop(window).values())
                self._written_complete.discard(window)
        return expired

    def _update_progress(self, progress: SourceProgress) -> None:
        """Keep the record of a source partition that has the greatest position."""
        known = self._progress.get(progress.source_partition)
        if known is None or progress.position >= known.position:
            self._progress[progress.source_partition] = progress

    def _watermark_ns(self) -> int | None:
        """The least watermark of the busy source partitions, the greatest if all are idle; None if unknown."""
        busy = [progress for progress in self._progress.values() if not progress.idle]
        marks = [progress.watermark_ns for progress in busy or self._progress.values()]
        if busy:
            return None if None in marks else min(mark for mark in marks if mark is not None)
        return max((mark for mark in marks if mark is not None), default=None)


def group_window(total: GroupSum) -> GroupWindow:
    """The group and window of a total."""
    return GroupWindow(total.cluster, total.group, total.window_end_ns)
