"""A batch as a schema and a block of numbers, in a tenth of the memory of objects.

A node reports the same series in every window; only the numbers change. So the schema is stored once, and a window is
a block: 8 bytes per number, in the order of layout.py, first byte planes first, then compressed with LZ4. Reading one
number takes one decompression of some microseconds.
"""

import struct
from collections.abc import Mapping
from hashlib import blake2b
from itertools import chain
from typing import Final, NamedTuple, cast

import cramjam
import orjson

from api.store.batch_schema import BatchSchema, label_pairs
from api.store.layout import FLOAT, INT, Layout
from schemas.catalogue import Number
from schemas.keys import node_key
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version

_NUMBER_BYTES: Final = 8
_READ: Final = {INT: struct.Struct("<q").unpack, FLOAT: struct.Struct("<d").unpack}


class PackedBatch(NamedTuple):
    """A packed batch, as sent from the decoding process to the answering one."""

    source: str  # key of the node, namespace or cluster
    window_end_ns: int
    resolution_ns: int
    version: Version
    nodes_counted: int
    nodes_expected: int
    digest: bytes  # of the schema
    schema: bytes
    block: bytes


class Numbers:
    """The numbers of one batch."""

    __slots__ = ("_block", "_count", "_raw")

    def __init__(self, schema: BatchSchema, block: bytes) -> None:
        """Take a block packed with that schema; it is decompressed at the first access."""
        self._count = schema.layout.numbers
        self._block = block
        self._raw = b""

    def at(self, place: int, type_: str) -> Number:
        """Return one number."""
        if not self._raw:
            self._raw = bytes(cramjam.lz4.decompress_block(self._block))
        return cast("Number", _READ[type_](self._raw[place :: self._count])[0])


def pack(batch: MetricBatch) -> PackedBatch:
    """Pack a batch."""
    sets = sorted(batch.sets, key=lambda metric_set: metric_set.key)
    groups = [[_Own.of(own) for own in (LabeledValues({}, each.values), *each.labeled)] for each in sets]
    records = [
        _entity_record(each, batch.object_labels.get(each.key, {}), own) for each, own in zip(sets, groups, strict=True)
    ]
    schema = orjson.dumps(records)
    return PackedBatch(
        source=_source(batch),
        window_end_ns=batch.window_end_ns,
        resolution_ns=batch.resolution_ns,
        version=batch.version,
        nodes_counted=batch.nodes_counted,
        nodes_expected=batch.nodes_expected,
        digest=blake2b(schema, digest_size=16).digest(),
        schema=bytes(cramjam.lz4.compress_block(schema)),
        block=_block(list(chain.from_iterable(groups))),
    )


class _Own(NamedTuple):
    """Numbers of one entity with the same labels, before packing."""

    labels: Mapping[str, str]
    metrics: tuple[str, ...]
    types: str
    numbers: list[Number]

    @classmethod
    def of(cls, values: LabeledValues) -> "_Own":
        numbers = list(values.values.values())
        types = "".join([FLOAT if isinstance(number, float) else INT for number in numbers])
        return cls(values.labels, tuple(values.values), types, numbers)


def _block(groups: list[_Own]) -> bytes:
    layout = Layout((own.metrics, own.types) for own in groups)
    if not layout.numbers:
        return b""
    types = "".join(layout.laid_out([own.types for own in groups], INT))
    raw = struct.pack(f"<{types}", *layout.laid_out([own.numbers for own in groups], 0))
    planes = b"".join(raw[byte::_NUMBER_BYTES] for byte in range(_NUMBER_BYTES))
    return bytes(cramjam.lz4.compress_block(planes))


def _source(batch: MetricBatch) -> str:
    """Return the key of the batch's source: the entity itself for a group, else the node."""
    return next((each.key for each in batch.sets if each.key == batch.entity), node_key(batch.entity))


def _entity_record(metric_set: MetricSet, object_labels: Mapping[str, str], groups: list[_Own]) -> list[object]:
    return [
        metric_set.key,
        metric_set.type,
        list(metric_set.labels),
        list(metric_set.labels.values()),
        metric_set.collection_start_ns,
        label_pairs(object_labels),
        [(label_pairs(own.labels), own.metrics, own.types) for own in groups],
    ]
