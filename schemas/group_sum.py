"""GroupSum: what one partition of `kubelet-stats` adds to one group in one window; the record of `group-sums`.

A running total, not a difference: a later one replaces an earlier one of the same partition, a lost one is covered
by the next.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, cast

from schemas.catalogue import GROUP_METRICS, MAX_INT
from schemas.codec import Codec, UndecodableError

CODEC: Final = Codec("group_sum")
PROGRESS_CODEC: Final = Codec("source_progress")

Sums: TypeAlias = tuple[int | None, ...]
"""A value for each of `catalogue.GROUP_METRICS`, None where nothing had it."""

NO_SUMS: Final[Sums] = (None,) * len(GROUP_METRICS)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupSum:
    """The total of one source partition for one group and window."""

    cluster: str
    group: str
    window_end_ns: int
    resolution_ns: int
    source_partition: int
    source_offset: int  # the greatest one folded in
    sums: Sums
    nodes: int
    nodes_expected: int
    namespace_id: str = ""

    @property
    def key(self) -> str:
        """Key of the record in `group-sums`, and of the group's batches in `derived-metrics`."""
        return f"{self.cluster}/{self.group}"


def node_counts(totals: Collection[GroupSum]) -> tuple[int, int]:
    """How many nodes are in a group's totals, one of each source partition, and how many any of them expects."""
    return sum(total.nodes for total in totals), max(total.nodes_expected for total in totals)


def encode_group_sum(total: GroupSum) -> bytes:
    """The record's bytes. Raises ValueError: a field does not fit the schema."""
    return CODEC.encode({name: getattr(total, name) for name in total.__slots__})


def decode_group_sum(data: bytes | None) -> GroupSum:
    """The total in `data`. Raises UndecodableError: no published version reads it."""
    record = cast("dict[str, Any]", CODEC.decode(data))
    record["sums"] = tuple(record["sums"])
    if len(record["sums"]) != len(GROUP_METRICS):
        raise UndecodableError(f"group_sum: {len(record['sums'])} sums, expected {len(GROUP_METRICS)}")
    return GroupSum(**record)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceProgress:
    """How far one partition of `kubelet-stats` has been processed; sent to every partition of `group-sums`.

    Says which windows are over there, so that the state kept for them can go.
    """

    source_partition: int
    position: int  # the next offset to be processed
    watermark_ns: int | None  # the greatest window end so far
    idle: bool  # read to its end: holds nothing back


def encode_progress(progress: SourceProgress) -> bytes:
    """The record's bytes."""
    return PROGRESS_CODEC.encode({name: getattr(progress, name) for name in progress.__slots__})


def decode_group_record(data: bytes | None) -> GroupSum | SourceProgress:
    """Either record of `group-sums`. Raises UndecodableError: it is neither."""
    if PROGRESS_CODEC.recognises(data):
        return SourceProgress(**cast("dict[str, Any]", PROGRESS_CODEC.decode(data)))
    return decode_group_sum(data)


def add(left: Sums, right: Sums) -> Sums:
    """Both sums together; what only one side has is that side's.

    A sum of what is not negative stops at 2^63 - 1, so that it stays encodable whatever the order of adding.
    """
    return tuple(
        theirs if ours is None else ours if theirs is None else min(ours + theirs, MAX_INT)
        for ours, theirs in zip(left, right, strict=True)
    )
