"""Partition assignment of a worker and the span of a replay, as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Offsets of an assigned partition, None while unknown."""

    next_offset: int | None
    end_offset: int | None
    committed_offset: int | None


@dataclass(frozen=True, slots=True)
class Assignment:
    """The partitions of one topic that are assigned to this worker, in one generation of the consumer group."""

    generation: int
    positions: Mapping[int, Position] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The windows whose batches are written, and the offsets where reading ends; unbounded in the live pipeline."""

    from_ns: int = -(2**63)
    to_ns: int = 2**63 - 1
    end_offsets: Mapping[int, int] | None = None  # of kubelet-stats, by partition

    def includes(self, window_end_ns: int) -> bool:
        """Whether the window's batches are written; both bounds are inclusive."""
        return self.from_ns <= window_end_ns <= self.to_ns

    def ends_before(self, partition: int, offset: int) -> bool:
        """Whether the span of this partition of `kubelet-stats` ends before the offset."""
        return self.end_offsets is not None and offset >= self.end_offsets.get(partition, 0)
