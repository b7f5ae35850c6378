"""Which partitions a worker has after a rebalance, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a partition is being read, and where it ends; offsets, None where not known yet."""

    next_offset: int | None
    end_offset: int | None
    committed_offset: int | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """One topic's partitions that are this worker's, in one generation of the consumer group."""

    generation: int
    positions: Mapping[int, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The windows whose batches are written, and where reading ends: no bounds in the live pipeline."""

    from_ns: int = -(2**63)
    to_ns: int = 2**63 - 1
    end_offsets: Mapping[int, int] | None = None  # of kubelet-stats, by partition

    def writes(self, window_end_ns: int) -> bool:
        """Whether that window's batches are written; both bounds belong to the span."""
        return self.from_ns <= window_end_ns <= self.to_ns

    def ends_before(self, partition: int, offset: int) -> bool:
        """Whether that record of `kubelet-stats` lies behind the end."""
        return self.end_offsets is not None and offset >= self.end_offsets.get(partition, 0)
