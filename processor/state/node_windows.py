"""What one partition of `kubelet-stats` has said up to an offset: its last windows, and its running group totals.

A function of the records up to there and nothing else: no clock, no other partition. So a redelivered record, a
restarted worker or one that was thought dead arrives at the same state for the same offset.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple, TypeAlias

from schemas.group_sum import NO_SUMS, GroupSum, SourceProgress, Sums, add
from schemas.node_sample import Contribution, NodeSample

KEPT_WINDOWS: Final = 5
"""How many windows behind its partition's newest a scrape may come and still be summed, and be rated from."""

REMEMBERED_WINDOWS: Final = 2 * KEPT_WINDOWS
"""How many windows behind the newest it is known whether a node's window is taken."""

CLOCK_TOLERANCE_NS: Final = 5 * 1_000_000_000
MOST_AHEAD_NS: Final = 24 * 60 * 60 * 1_000_000_000

GroupWindow: TypeAlias = tuple[str, str, int]
"""A cluster, a group in it, and the end of a window."""


class Arrival(Enum):
    """What a scrape is to its partition."""

    NEW = "new"
    DUPLICATE = "duplicate"  # its node's window is taken by a lower offset
    LATE = "late"  # its window is no longer kept: node-level data only, without rates


class _Kept(NamedTuple):
    window_end_ns: int
    offset: int


@dataclass(slots=True)
class _Total:
    resolution_ns: int
    offset: int = -1
    sums: Sums = NO_SUMS
    nodes: int = 0
    nodes_expected: int = 0
    namespace_id: str = ""

    def fold(self, offset: int, contribution: Contribution) -> None:
        self.sums = add(self.sums, contribution.sums)
        self.nodes += 1
        if offset > self.offset:
            self.offset = offset
            self.nodes_expected = contribution.nodes_expected
            self.namespace_id = contribution.namespace_id or self.namespace_id


def reached_ns(window_end_ns: int, scraped_at_ns: int, clock_offset_ns: int | None) -> int:
    """How far event time has come by a scrape: to its window's end, less what the scraper's clock is ahead.

    `clock_offset_ns`: the kubelet's clock minus the scraper's. Otherwise a scraper from the future, replaced by one
    that is right, would make all scrapes late until its future has come. Never more than a day, or one kubelet that
    thinks it is 1970 could have everything kept for ever. And nothing is scraped before its window is over: a record
    that says so does not tell the time.
    """
    told_ns = min(window_end_ns, scraped_at_ns)
    if clock_offset_ns is None or clock_offset_ns >= -CLOCK_TOLERANCE_NS:
        return told_ns
    return told_ns + max(clock_offset_ns, -MOST_AHEAD_NS)


class PartitionState:
    """One partition's state after all records below `position`."""

    def __init__(self, partition: int, position: int = 0) -> None:
        """Nothing said so far."""
        self.partition = partition
        self.position = position
        self.watermark_ns: int | None = None
        self._nodes: dict[str, list[_Kept]] = {}
        self._totals: dict[GroupWindow, _Total] = {}
        self._changed: set[GroupWindow] = set()
        self._watermarks: deque[tuple[int, int]] = deque()  # offset, and the end of kept windows from there on

    @classmethod
    def rebuilt(cls, partition: int, samples: Iterable[NodeSample], position: int) -> "PartitionState":
        """The state before the record at `position`, from the samples that were kept; later ones count for nothing."""
        state = cls(partition, position)
        for sample in sorted((each for each in samples if each.offset < position), key=lambda each: each.offset):
            state._keep(sample)
        state.position = position
        return state

    def arrival(self, node: str, window_end_ns: int, resolution_ns: int) -> Arrival:
        """What a scrape of `node` (its key) for that window is to what was there before."""
        if window_end_ns <= self._horizon_ns(REMEMBERED_WINDOWS * resolution_ns):
            return Arrival.LATE  # also if it is taken: whether that is known still depends on what has been forgotten
        kept = self._nodes.get(node, [])
        at = bisect_left(kept, (window_end_ns, -1))
        if at < len(kept) and kept[at].window_end_ns == window_end_ns:
            return Arrival.DUPLICATE
        return Arrival.LATE if window_end_ns <= self._horizon_ns(KEPT_WINDOWS * resolution_ns) else Arrival.NEW

    def earlier_window(self, node: str, window_end_ns: int, resolution_ns: int) -> int | None:
        """The end of the node's newest window before that one: where the rates of a scrape that is new begin.

        One further back than `KEPT_WINDOWS` is none: a replay does not read it.
        """
        kept = self._nodes.get(node, [])
        at = bisect_left(kept, (window_end_ns, -1))
        if at == 0 or kept[at - 1].window_end_ns < window_end_ns - KEPT_WINDOWS * resolution_ns:
            return None
        return kept[at - 1].window_end_ns

    def fold(self, sample: NodeSample) -> None:
        """Take in a new scrape: `sample.offset` is the record's."""
        self._keep(sample)
        self._changed.update(
            (sample.cluster, contribution.group, sample.window_end_ns) for contribution in sample.contributions
        )

    def advance(self, offset: int) -> None:
        """The record at `offset` is done, whatever it was."""
        self.position = offset + 1

    def changed_totals(self) -> list[GroupSum]:
        """The totals that changed since the last call."""
        changed = [self._group_sum(slot) for slot in sorted(self._changed) if slot in self._totals]
        self._changed.clear()
        return changed

    def progress(self, *, idle: bool) -> SourceProgress:
        """How far this partition is."""
        return SourceProgress(
            source_partition=self.partition, position=self.position, watermark_ns=self.watermark_ns, idle=idle
        )

    def expire(self, committed: int) -> list[tuple[str, int]]:
        """Forget windows that no record from offset `committed` on can need; which (node, window end) they were.

        Records below `committed` are never delivered again, so the horizon there is what counts, not today's.
        """
        horizon_ns = None
        while self._watermarks and self._watermarks[0][0] < committed:
            _, horizon_ns = self._watermarks.popleft()
        if horizon_ns is None:
            return []
        gone: list[tuple[str, int]] = []
        for node, kept in list(self._nodes.items()):
            at = bisect_left(kept, (horizon_ns + 1, -1))
            gone.extend((node, each.window_end_ns) for each in kept[:at])
            del kept[:at]
            if not kept:
                del self._nodes[node]
        for slot in [slot for slot in self._totals if slot[2] <= horizon_ns]:
            del self._totals[slot]
        return gone

    def _keep(self, sample: NodeSample) -> None:
        insort(self._nodes.setdefault(sample.key, []), _Kept(sample.window_end_ns, sample.offset))
        for contribution in sample.contributions:
            slot = (sample.cluster, contribution.group, sample.window_end_ns)
            total = self._totals.setdefault(slot, _Total(sample.resolution_ns))
            total.fold(sample.offset, contribution)
        reached_ns = sample.window_end_ns if sample.reached_ns is None else sample.reached_ns
        if self.watermark_ns is None or reached_ns > self.watermark_ns:
            self.watermark_ns = reached_ns
            over_ns = reached_ns - REMEMBERED_WINDOWS * sample.resolution_ns
            self._watermarks.append((sample.offset, over_ns))
        self.advance(sample.offset)

    def _horizon_ns(self, behind_ns: int) -> int:
        """The newest window end that is so far behind the watermark."""
        return -(2**63) if self.watermark_ns is None else self.watermark_ns - behind_ns

    def _group_sum(self, slot: GroupWindow) -> GroupSum:
        cluster, group, window_end_ns = slot
        total = self._totals[slot]
        return GroupSum(
            cluster=cluster,
            group=group,
            window_end_ns=window_end_ns,
            resolution_ns=total.resolution_ns,
            source_partition=self.partition,
            source_offset=total.offset,
            sums=total.sums,
            nodes=total.nodes,
            nodes_expected=total.nodes_expected,
            namespace_id=total.namespace_id,
        )
