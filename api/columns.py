"""Columns: one batch as a shape and a block of numbers, a tenth of what the same would take as objects.

A node says the same series window after window; only the numbers change. So what the series are, the *shape*, is kept
once, and a window is a *block*: 8 bytes a number, the first bytes of all numbers first, then the second ones, and so
on (neighbours are alike, which compresses), then LZ4. Reading one number takes one decompression of some microseconds.
"""

import struct
from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, NamedTuple, cast

import cramjam
import orjson

from api.shape import Shape, label_pairs
from schemas.catalogue import Number
from schemas.keys import node_key
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version

_NUMBER_BYTES: Final = 8
_INT: Final = "q"
_FLOAT: Final = "d"
_READ: Final = {_INT: struct.Struct("<q").unpack, _FLOAT: struct.Struct("<d").unpack}


class Packed(NamedTuple):
    """A batch made small: what goes from the process that decodes to the one that answers."""

    source: str  # key of the node, namespace or cluster that it is of
    window_end_ns: int
    resolution_ns: int
    version: Version
    nodes_counted: int
    nodes_expected: int
    digest: bytes  # of the shape
    shape: bytes
    block: bytes


class Numbers:
    """The numbers of one batch."""

    __slots__ = ("_block", "_count", "_raw")

    def __init__(self, shape: Shape, block: bytes) -> None:
        """Those in a block that was packed with that shape; unpacked when the first one is asked for."""
        self._count = shape.numbers
        self._block = block
        self._raw = b""

    def at(self, position: int, type_: str) -> Number:
        """One of them."""
        if not self._raw:
            self._raw = bytes(cramjam.lz4.decompress_block(self._block))
        return cast("Number", _READ[type_](self._raw[position :: self._count])[0])


def pack(batch: MetricBatch) -> Packed:
    """The batch as shape and block."""
    sets = sorted(batch.sets, key=lambda metric_set: metric_set.key)
    types: list[str] = []
    numbers: list[Number] = []
    records = [_entity_record(each, batch.object_labels.get(each.key, {}), types, numbers) for each in sets]
    shape = orjson.dumps(records)
    raw = struct.pack(f"<{''.join(types)}", *numbers)
    planes = b"".join(raw[byte::_NUMBER_BYTES] for byte in range(_NUMBER_BYTES))
    return Packed(
        source=_source(batch),
        window_end_ns=batch.window_end_ns,
        resolution_ns=batch.resolution_ns,
        version=batch.version,
        nodes_counted=batch.nodes_counted,
        nodes_expected=batch.nodes_expected,
        digest=blake2b(shape, digest_size=16).digest(),
        shape=shape,
        block=bytes(cramjam.lz4.compress_block(planes)) if planes else b"",
    )


def _source(batch: MetricBatch) -> str:
    """The key of what the batch is of: a group's is the batch's own name."""
    return next((each.key for each in batch.sets if each.key == batch.entity), node_key(batch.entity))


def _entity_record(
    metric_set: MetricSet, object_labels: Mapping[str, str], types: list[str], numbers: list[Number]
) -> list[object]:
    groups: list[object] = []
    for own in (LabeledValues({}, metric_set.values), *metric_set.labeled):
        own_types = "".join([_FLOAT if isinstance(value, float) else _INT for value in own.values.values()])
        groups.append((label_pairs(own.labels), list(own.values), own_types))
        types.append(own_types)
        numbers.extend(own.values.values())
    return [
        metric_set.key,
        metric_set.type,
        list(metric_set.labels),
        list(metric_set.labels.values()),
        metric_set.collection_start_ns,
        label_pairs(object_labels),
        groups,
    ]
