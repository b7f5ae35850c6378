"""Columns: one batch as a shape and a block of numbers, a tenth of what the same would take as objects.

A node says the same series window after window; only the numbers change. So what the series are, the *shape*, is kept
once, and a window is a *block*: 8 bytes a number, the first bytes of all numbers first, then the second ones, and so
on (neighbours are alike, which compresses), then LZ4. Reading one number takes one decompression of some microseconds.
"""

import struct
import sys
from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import blake2b
from typing import Final, NamedTuple, TypeAlias, cast

import cramjam
import orjson

from schemas.catalogue import EntityType, Number
from schemas.keys import node_key
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version

_NUMBER_BYTES: Final = 8
_INT: Final = "q"
_FLOAT: Final = "d"
_AFTER_SLASH: Final = "0"  # the character after `/`: the end of a range of keys
_KEPT: Final = 4096  # lists of names and labels that entities have, many times over
_READ: Final = {_INT: struct.Struct("<q").unpack, _FLOAT: struct.Struct("<d").unpack}

Labels: TypeAlias = tuple[tuple[str, str], ...]
_LabelsRecord: TypeAlias = list[list[str]]


@dataclass(frozen=True, slots=True)
class Group:
    """Numbers of one entity with the same labels of their own, as resource_id; none for most."""

    labels: Labels
    metrics: tuple[str, ...]
    types: str  # a letter a number: q for an int, d for a float
    at: Mapping[str, int] = field(compare=False, repr=False)  # by metric: its place among these


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity as long as nothing but its numbers changes."""

    key: str
    type: EntityType
    label_names: tuple[str, ...]
    label_values: tuple[str, ...]
    collection_start_ns: int | None
    object_labels: Labels  # of the Kubernetes object; of nodes and pods only
    groups: tuple[Group, ...]

    @property
    def labels(self) -> dict[str, str]:
        """By name."""
        return dict(zip(self.label_names, self.label_values, strict=True))

    def label(self, name: str) -> str:
        """The value of one label, empty if there is none."""
        return self.label_values[self.label_names.index(name)] if name in self.label_names else ""

    def find(self, metric: str, labels: Labels = ()) -> tuple[int, str] | None:
        """Where the number of that metric with exactly those labels is, and its type; None if there is none."""
        before = 0
        for group in self.groups:
            if group.labels == labels and metric in group.at:
                at = group.at[metric]
                return before + at, group.types[at]
            before += len(group.metrics)
        return None


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


class Shape:
    """The entities of a batch in the order of their keys, and where each one's numbers are."""

    __slots__ = ("digest", "entities", "firsts", "keys", "numbers")

    def __init__(self, digest: bytes, entities: Iterable[Entity]) -> None:
        """Entities in the order of their keys."""
        self.digest = digest
        self.entities = tuple(entities)
        self.keys = tuple(entity.key for entity in self.entities)
        self.numbers = 0
        firsts: list[int] = []
        for entity in self.entities:
            firsts.append(self.numbers)
            self.numbers += sum(len(group.metrics) for group in entity.groups)
        self.firsts = tuple(firsts)

    def position(self, key: str) -> int | None:
        """Where the entity of that key is."""
        at = bisect_left(self.keys, key)
        return at if at < len(self.keys) and self.keys[at] == key else None

    def below(self, key: str) -> range:
        """Where the entities are whose keys begin with `key` and a slash: what is in a node, namespace or pod."""
        return range(bisect_left(self.keys, key + "/"), bisect_left(self.keys, key + _AFTER_SLASH))

    def plain_metrics(self, key: str) -> tuple[str, ...]:
        """The metrics of an entity that have no labels of their own."""
        at = self.position(key)
        groups = () if at is None else self.entities[at].groups
        return tuple(metric for group in groups if not group.labels for metric in group.metrics)


class Numbers:
    """The numbers of one batch, unpacked."""

    __slots__ = ("_count", "_raw")

    def __init__(self, shape: Shape, block: bytes) -> None:
        """Those in a block that was packed with that shape."""
        self._count = shape.numbers
        self._raw = bytes(cramjam.lz4.decompress_block(block)) if block else b""

    def at(self, position: int, type_: str) -> Number:
        """One of them."""
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


def unpack_shape(packed: Packed, like: Shape | None) -> Shape:
    """The shape of a packed batch; what is equal in `like`, an earlier one of the same source, is used again."""
    known = {} if like is None else dict(zip(like.keys, like.entities, strict=True))
    entities = []
    for record in orjson.loads(packed.shape):
        entity = _entity(*record)
        same = known.get(entity.key)
        entities.append(same if same is not None and same == entity else entity)
    return Shape(packed.digest, entities)


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


def _entity(  # noqa: PLR0913, PLR0917 - the fields of the record
    key: str,
    type_: EntityType,
    names: list[str],
    values: list[str],
    start_ns: int | None,
    object_labels: _LabelsRecord,
    groups: list[tuple[_LabelsRecord, list[str], str]],
) -> Entity:
    return Entity(
        key=sys.intern(key),
        type=type_,
        label_names=_names(tuple(names)),
        label_values=tuple(sys.intern(value) for value in values),
        collection_start_ns=start_ns,
        object_labels=_labels(tuple((name, value) for name, value in object_labels)),
        groups=tuple(
            _group(tuple((name, value) for name, value in labels), tuple(metrics), own_types)
            for labels, metrics, own_types in groups
        ),
    )


@lru_cache(maxsize=_KEPT)
def _names(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sys.intern(name) for name in names)


@lru_cache(maxsize=_KEPT)
def _labels(labels: Labels) -> Labels:
    return tuple((sys.intern(name), sys.intern(value)) for name, value in labels)


@lru_cache(maxsize=_KEPT)
def _group(labels: Labels, metrics: tuple[str, ...], types: str) -> Group:
    return Group(_labels(labels), _names(metrics), sys.intern(types), _places(metrics))


@lru_cache(maxsize=_KEPT)
def _places(metrics: tuple[str, ...]) -> Mapping[str, int]:
    return {metric: at for at, metric in enumerate(metrics)}


def label_pairs(labels: Mapping[str, str]) -> Labels:
    """Labels as columns have them: in the order of their names."""
    return tuple(sorted(labels.items()))
