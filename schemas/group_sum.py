"""GroupSum: the total of one partition of `kubelet-stats` for one group and window; the record of `group-sums`.

It is a running total, not a difference: a later record replaces an earlier one of the same partition, so that a lost
record is corrected by the next.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from schemas.catalogue import GROUP_METRICS, MAX_INT
from schemas.codec import Codec, UndecodableError

CODEC: Final = Codec("group_sum")
PROGRESS_CODEC: Final = Codec("source_progress")

Sums: TypeAlias = tuple[int | None, ...]
"""A value for each of `catalogue.GROUP_METRICS`, None if no entity had the metric."""

NO_SUMS: Final[Sums] = (None,) * len(GROUP_METRICS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSum:
    """The running total of one source partition for one group and window."""

    cluster: str
    group: str
    window_end_ns: int
    resolution_ns: int
    source_partition: int
    source_offset: int  # highest offset that is included
    sums: Sums
    nodes: int
    nodes_expected: int
    namespace_id: str = ""

    @property
    def key(self) -> str:
        """Key of this record in `group-sums` and of the group's batches in `derived-metrics`."""
        return f"{self.cluster}/{self.group}"


def node_counts(totals: Collection[GroupSum]) -> tuple[int, int]:
    """Number of nodes in a group's totals (one per source partition), and the highest number that is expected."""
    return sum(total.nodes for total in totals), max(total.nodes_expected for total in totals)


def encode_group_sum(total: GroupSum) -> bytes:
    """The record's bytes. Raises ValueError: a field does not fit the schema."""
    return CODEC.encode({name: getattr(total, name) for name in total.__slots__})


def decode_group_sum(data: bytes | None) -> GroupSum:
    """Decode a total. Raises UndecodableError: no published version reads it."""
    record = cast("dict[str, Any]", CODEC.decode(data))
    record["sums"] = tuple(record["sums"])
    if len(record["sums"]) != len(GROUP_METRICS):
        raise UndecodableError(f"group_sum: {len(record['sums'])} sums, expected {len(GROUP_METRICS)}")
    return GroupSum(**record)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProgress:
    """Progress of one partition of `kubelet-stats`, sent to every partition of `group-sums`.

    It tells which windows are complete in that partition, so that their state can be removed.
    """

    source_partition: int
    position: int  # next offset to process
    watermark_ns: int | None  # highest window end so far
    idle: bool  # read to its end, so it delays no window


def encode_progress(progress: SourceProgress) -> bytes:
    """The record's bytes."""
    return PROGRESS_CODEC.encode({name: getattr(progress, name) for name in progress.__slots__})


def decode_group_record(data: bytes | None) -> GroupSum | SourceProgress:
    """Decode a record of `group-sums`, of either type. Raises UndecodableError: it has neither type."""
    if PROGRESS_CODEC.recognises(data):
        return SourceProgress(**cast("dict[str, Any]", PROGRESS_CODEC.decode(data)))
    return decode_group_sum(data)


def add(left: Sums, right: Sums) -> Sums:
    """Add two sums, metric by metric; a value that only one side has is kept.

    Results are limited to 2^63 - 1, so that they can be encoded; for values of 0 or more, the order of additions
    does not matter.
    """
    return tuple(b if a is None else a if b is None else min(a + b, MAX_INT) for a, b in zip(left, right, strict=True))
