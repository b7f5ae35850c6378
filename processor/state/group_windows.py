"""The group totals of every source partition, and when a group's batch is to be written.

For each source partition its total with the greatest offset counts, whatever the order of arrival. A group's batch
is written when all its nodes are in it, or its totals have been quiet for a while, and now and then while they change,
so that a dashboard rarely sees half a sum; a total that changes later has it written again.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Final

from processor.state.node_windows import GroupWindow
from schemas.group_sum import GroupSum, SourceProgress, nodes_of

QUIET_S: Final = 4.0
"""Longer than source partitions keep totals that change to themselves."""

LONGEST_WAIT_S: Final = 10.0
KEPT_GROUP_WINDOWS: Final = 15
KEPT_AT_LEAST_NS: Final = 15 * 60 * 1_000_000_000
"""Groups keep as many windows as fill this time, at least `KEPT_GROUP_WINDOWS`: partitions may run that far apart."""


@dataclass(slots=True)
class _Change:
    first_s: float
    last_s: float
    complete: bool = False
    not_before_s: float = -inf

    def is_due(self, now_s: float, *, everything: bool) -> bool:
        if now_s < self.not_before_s:
            return False
        quiet, long = now_s - self.last_s >= QUIET_S, now_s - self.first_s >= LONGEST_WAIT_S
        return everything or self.complete or quiet or long


class GroupWindows:
    """The state of one partition of `group-sums`. Times in seconds are a monotonic clock's, passed in."""

    def __init__(self, sources: int) -> None:
        """`sources`: how many partitions `kubelet-stats` has."""
        self._sources = sources
        self._totals: dict[GroupWindow, dict[int, GroupSum]] = {}
        self._changes: dict[GroupWindow, _Change] = {}
        self._whole: set[GroupWindow] = set()  # have been written because all nodes were there
        self._progress: dict[int, SourceProgress] = {}
        self._reports: deque[tuple[int, SourceProgress]] = deque()  # not yet committed, with their offsets
        self._horizon_ns = -(2**63)

    def restore(self, totals: Iterable[GroupSum], *, write_again_at_s: float) -> None:
        """Take over what another worker kept; every batch of it is due once more at that time.

        The other one may have had a half sum in flight: one session timeout later it can write no more.
        """
        for total in totals:
            slot = group_window(total)
            self._totals.setdefault(slot, {})[total.source_partition] = total
            self._changes[slot] = _Change(first_s=-inf, last_s=-inf, not_before_s=write_again_at_s)

    def newer(self, total: GroupSum) -> bool:
        """Whether this total says more than the one kept of its source partition."""
        kept = self._totals.get(group_window(total), {}).get(total.source_partition)
        return kept is None or total.source_offset > kept.source_offset

    def expired(self, total: GroupSum) -> bool:
        """Whether its window is no longer kept."""
        return total.window_end_ns <= self._horizon_ns

    def fold(self, total: GroupSum, now_s: float) -> None:
        """Take in a newer total."""
        slot = group_window(total)
        totals = self._totals.setdefault(slot, {})
        totals[total.source_partition] = total
        change = self._changes.setdefault(slot, _Change(first_s=now_s, last_s=now_s))
        change.last_s = now_s
        # once: where more nodes come than were expected, each would have its batch
        nodes, expected = nodes_of(totals.values())
        change.complete = slot not in self._whole and nodes >= expected

    def due(self, now_s: float, *, everything: bool = False) -> list[GroupWindow]:
        """The groups and windows whose batch is to be written now; they are no longer due then."""
        due = [slot for slot, change in self._changes.items() if change.is_due(now_s, everything=everything)]
        for slot in due:
            if self._changes.pop(slot).complete:
                self._whole.add(slot)
        return due

    def totals(self, slot: GroupWindow) -> tuple[GroupSum, ...]:
        """Each source partition's total of that group and window, in the order of the partitions."""
        return tuple(total for _, total in sorted(self._totals.get(slot, {}).items()))

    def is_pending(self, slot: GroupWindow) -> bool:
        """Whether that group's batch of that window is still to be written."""
        return slot in self._changes

    @property
    def pending(self) -> int:
        """How many batches are still to be written."""
        return len(self._changes)

    def progressed(self, progress: SourceProgress, offset: int) -> None:
        """Note how far a source partition is, as the record at `offset` says."""
        self._reports.append((offset, progress))

    def expire(self, committed: int) -> list[GroupSum]:
        """Forget windows that every source partition has left behind; which totals they had.

        Only reports below `committed` count: whatever they leave behind lies before them, and so is not delivered
        again to a worker that would find half of its totals gone. Partitions read to their end hold nothing back.
        Until all have reported, nothing goes.
        """
        while self._reports and self._reports[0][0] < committed:
            self._learn(self._reports.popleft()[1])
        if len(self._progress) < self._sources or not self._totals:
            return []
        reached_ns = self._reached_ns()
        if reached_ns is None:
            return []
        gone: list[GroupSum] = []
        for slot, totals in list(self._totals.items()):
            resolution_ns = next(iter(totals.values())).resolution_ns
            horizon_ns = reached_ns - max(KEPT_GROUP_WINDOWS * resolution_ns, KEPT_AT_LEAST_NS)
            if slot[2] <= horizon_ns and slot not in self._changes:
                self._horizon_ns = max(self._horizon_ns, slot[2])
                gone.extend(self._totals.pop(slot).values())
                self._whole.discard(slot)
        return gone

    def _learn(self, progress: SourceProgress) -> None:
        """A report that was overtaken by a later one says nothing."""
        known = self._progress.get(progress.source_partition)
        if known is None or progress.position >= known.position:
            self._progress[progress.source_partition] = progress

    def _reached_ns(self) -> int | None:
        """The window that every partition has reached, as far as it is not idle."""
        busy = [progress for progress in self._progress.values() if not progress.idle]
        marks = [progress.watermark_ns for progress in busy or self._progress.values()]
        if busy:
            return None if None in marks else min(mark for mark in marks if mark is not None)
        return max((mark for mark in marks if mark is not None), default=None)


def group_window(total: GroupSum) -> GroupWindow:
    """Which group and window a total is of."""
    return total.cluster, total.group, total.window_end_ns
