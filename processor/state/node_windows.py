"""State of one partition of `kubelet-stats` at an offset: each node's recent windows, and the group totals.

It depends only on the partition's records below that offset, on no clock and no other partition. So the state at an
offset is the same after a redelivery, after a restart, and in a worker that was wrongly considered dead.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from schemas.group_sum import NO_SUMS, GroupSum, SourceProgress, Sums, add
from schemas.node_sample import Contribution, NodeSample

KEPT_WINDOWS: Final = 5
"""How many windows behind the partition's newest a scrape is still summed, and used to compute rates."""

REMEMBERED_WINDOWS: Final = 2 * KEPT_WINDOWS
"""How many windows behind the newest a duplicate scrape is still recognized."""

CLOCK_TOLERANCE_NS: Final = 5 * 1_000_000_000
MAX_CLOCK_LEAD_NS: Final = 24 * 60 * 60 * 1_000_000_000


class GroupWindow(NamedTuple):
    """One window of one group."""

    cluster: str
    group: str
    window_end_ns: int


class Arrival(Enum):
    """How a scrape relates to the earlier records of its partition."""

    NEW = "new"
    DUPLICATE = "duplicate"  # a lower offset has the same node and window
    LATE = "late"  # behind the kept windows: only the node's batch is written, without rates


class _KeptWindow(NamedTuple):
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


def event_time_ns(window_end_ns: int, scraped_at_ns: int, clock_offset_ns: int | None) -> int:
    """Event time after a scrape: the end of its window, corrected if the scraper's clock is ahead.

    `clock_offset_ns` is the kubelet's clock minus the scraper's. Without the correction, one scraper whose clock is
    ahead would mark every other scrape as late until real time catches up. The correction is limited to a day:
    otherwise one kubelet whose clock is at 1970 would keep all windows forever. A scrape before its window's end is a
    clock error too, so its time counts instead.
    """
    scrape_ns = min(window_end_ns, scraped_at_ns)
    if clock_offset_ns is None or clock_offset_ns >= -CLOCK_TOLERANCE_NS:
        return scrape_ns
    return scrape_ns + max(clock_offset_ns, -MAX_CLOCK_LEAD_NS)


class PartitionState:
    """One partition's state after all records below `position`."""

    def __init__(self, partition: int, position: int = 0) -> None:
        """Start with the state before the first record."""
        self.partition = partition
        self.position = position
        self.watermark_ns: int | None = None
        self._nodes: dict[str, list[_KeptWindow]] = {}
        self._totals: dict[GroupWindow, _Total] = {}
        self._changed: set[GroupWindow] = set()
        self._horizons: deque[tuple[int, int]] = deque()  # offset, and the newest window end that expires with it

    @classmethod
    def rebuilt(cls, partition: int, samples: Iterable[NodeSample], position: int) -> "PartitionState":
        """The state before the record at `position`, from the stored samples; ignores samples of later records."""
        state = cls(partition, position)
        for sample in sorted((each for each in samples if each.offset < position), key=lambda each: each.offset):
            state._keep(sample)
        state.position = position
        return state

    def arrival(self, node: str, window_end_ns: int, resolution_ns: int) -> Arrival:
        """How a scrape of `node` (its key) for a window relates to the earlier records."""
        if window_end_ns <= self._horizon_ns(REMEMBERED_WINDOWS * resolution_ns):
            return Arrival.LATE  # never DUPLICATE: whether the window is still known depends on calls of `expire`
        kept = self._nodes.get(node, [])
        at = bisect_left(kept, (window_end_ns, -1))
        if at < len(kept) and kept[at].window_end_ns == window_end_ns:
            return Arrival.DUPLICATE
        return Arrival.LATE if window_end_ns <= self._horizon_ns(KEPT_WINDOWS * resolution_ns) else Arrival.NEW

    def previous_window(self, node: str, window_end_ns: int, resolution_ns: int) -> int | None:
        """The end of the node's newest window before this one, from which a new scrape's rates are computed.

        None if it is more than `KEPT_WINDOWS` back: a replay does not read that far.
        """
        kept = self._nodes.get(node, [])
        at = bisect_left(kept, (window_end_ns, -1))
        if at == 0 or kept[at - 1].window_end_ns < window_end_ns - KEPT_WINDOWS * resolution_ns:
            return None
        return kept[at - 1].window_end_ns

    def fold(self, sample: NodeSample) -> None:
        """Add a new scrape, whose record is at `sample.offset`, to the state."""
        self._keep(sample)
        self._changed.update(
            GroupWindow(sample.cluster, contribution.group, sample.window_end_ns)
            for contribution in sample.contributions
        )

    def advance(self, offset: int) -> None:
        """Set the position after the record at `offset`."""
        self.position = offset + 1

    def changed_totals(self) -> list[GroupSum]:
        """The totals that changed since the last call."""
        changed = [self._group_sum(window) for window in sorted(self._changed) if window in self._totals]
        self._changed.clear()
        return changed

    def progress(self, *, idle: bool) -> SourceProgress:
        """The progress record of this partition."""
        return SourceProgress(
            source_partition=self.partition, position=self.position, watermark_ns=self.watermark_ns, idle=idle
        )

    def expire(self, committed: int) -> list[tuple[str, int]]:
        """Drop windows that no record from the committed offset on can need; returns their (node, window end).

        Only records from `committed` on are delivered again, so the horizon at that offset counts, not the current
        one.
        """
        horizon_ns = None
        while self._horizons and self._horizons[0][0] < committed:
            _, horizon_ns = self._horizons.popleft()
        if horizon_ns is None:
            return []
        expired: list[tuple[str, int]] = []
        for node, kept in list(self._nodes.items()):
            at = bisect_left(kept, (horizon_ns + 1, -1))
            expired.extend((node, each.window_end_ns) for each in kept[:at])
            del kept[:at]
            if not kept:
                del self._nodes[node]
        for window in [window for window in self._totals if window.window_end_ns <= horizon_ns]:
            del self._totals[window]
        return expired

    def _keep(self, sample: NodeSample) -> None:
        insort(self._nodes.setdefault(sample.key, []), _KeptWindow(sample.window_end_ns, sample.offset))
        for contribution in sample.contributions:
            window = GroupWindow(sample.cluster, contribution.group, sample.window_end_ns)
            total = self._totals.setdefault(window, _Total(sample.resolution_ns))
            total.fold(sample.offset, contribution)
        reached_ns = sample.window_end_ns if sample.reached_ns is None else sample.reached_ns
        if self.watermark_ns is None or reached_ns > self.watermark_ns:
            self.watermark_ns = reached_ns
            self._horizons.append((sample.offset, self._horizon_ns(REMEMBERED_WINDOWS * sample.resolution_ns)))
        self.advance(sample.offset)

    def _horizon_ns(self, behind_ns: int) -> int:
        """The newest window end that is at least `behind_ns` behind the watermark."""
        return -(2**63) if self.watermark_ns is None else self.watermark_ns - behind_ns

    def _group_sum(self, window: GroupWindow) -> GroupSum:
        cluster, group, window_end_ns = window
        total = self._totals[window]
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
