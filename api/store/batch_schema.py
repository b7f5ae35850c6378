"""The schema of a batch: its series, stored once for all windows in which only the numbers change."""

import sys
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import Final, TypeAlias

import cramjam
import orjson

from api.store.layout import Layout
from schemas.catalogue import POD, EntityType
from schemas.keys import pod_name

_AFTER_SLASH: Final = "0"  # the character after `/`: the end of a range of keys
_KEPT: Final = 4096  # cached tuples of metric names and labels, which many entities share

Labels: TypeAlias = tuple[tuple[str, str], ...]
_LabelsRecord: TypeAlias = list[list[str]]


@dataclass(frozen=True, slots=True)
class Group:
    """Numbers of one entity with the same labels, such as resource_id; most have no labels."""

    labels: Labels
    metrics: tuple[str, ...]
    types: str  # one type letter per number
    at: Mapping[str, int] = field(compare=False, repr=False)  # metric name to its index


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity without its numbers."""

    key: str
    type: EntityType
    label_names: tuple[str, ...]
    label_values: tuple[str, ...]
    collection_start_ns: int | None
    object_labels: Labels  # labels of the Kubernetes object; nodes and pods only
    groups: tuple[Group, ...]

    @property
    def labels(self) -> dict[str, str]:
        """Return the labels by name."""
        return dict(zip(self.label_names, self.label_values, strict=True))

    def label(self, name: str) -> str:
        """Return the value of one label, empty if it is missing."""
        return self.label_values[self.label_names.index(name)] if name in self.label_names else ""

    def find(self, metric: str, labels: Labels = ()) -> tuple[int, int] | None:
        """Return the number of the group with exactly these labels and the metric's index in it, or None."""
        for number, group in enumerate(self.groups):
            if group.labels == labels and metric in group.at:
                return number, group.at[metric]
        return None


class BatchSchema:
    """The entities of a batch in the order of their keys, and the positions of their numbers."""

    __slots__ = ("_groups", "digest", "entities", "keys", "layout", "pods")

    def __init__(self, digest: bytes, entities: Iterable[Entity]) -> None:
        """Take the entities in the order of their keys."""
        self.digest = digest
        self.entities = tuple(entities)
        self.keys = tuple(entity.key for entity in self.entities)
        groups = [group for entity in self.entities for group in entity.groups]
        self.layout = Layout((group.metrics, group.types) for group in groups)
        self._groups = array("I", accumulate((len(entity.groups) for entity in self.entities), initial=0))
        pods = [at for at, entity in enumerate(self.entities) if entity.type == POD]
        self.pods = tuple(sorted(pods, key=lambda at: pod_name(self.keys[at])))  # by namespace and name

    def position(self, key: str) -> int | None:
        """Return the position of the entity with that key, None if there is none."""
        at = bisect_left(self.keys, key)
        return at if at < len(self.keys) and self.keys[at] == key else None

    def places(self, at: int) -> Iterator[tuple[Group, range]]:
        """Yield the groups of the entity at that position, with the positions of their numbers."""
        for number, group in enumerate(self.entities[at].groups, self._groups[at]):
            yield group, self.layout.places(number, len(group.metrics))

    def place(self, at: int, metric: str, labels: Labels) -> tuple[int, str] | None:
        """Return the position and type of the number of a metric of the entity at that position, or None."""
        found = self.entities[at].find(metric, labels)
        if found is None:
            return None
        number, index = found
        group = self.entities[at].groups[number]
        return self.layout.places(self._groups[at] + number, len(group.metrics))[index], group.types[index]

    def below(self, key: str) -> range:
        """Return the positions of the entities below `key`: the content of a node, namespace or pod."""
        return range(bisect_left(self.keys, key + "/"), bisect_left(self.keys, key + _AFTER_SLASH))

    def plain_metrics(self, key: str) -> tuple[str, ...]:
        """Return the metrics of an entity that have no labels of their own."""
        at = self.position(key)
        groups = () if at is None else self.entities[at].groups
        return tuple(metric for group in groups if not group.labels for metric in group.metrics)


def read_schema(digest: bytes, record: bytes, like: BatchSchema | None) -> BatchSchema:
    """Read a schema record; parts that equal those of `like`, an earlier schema of the same source, are shared."""
    known = {} if like is None else dict(zip(like.keys, like.entities, strict=True))
    entities = []
    for fields in orjson.loads(bytes(cramjam.lz4.decompress_block(record))):
        entity = _entity(*fields)
        same = known.get(entity.key)
        entities.append(same if same is not None and same == entity else entity)
    return BatchSchema(digest, entities)


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
    """Return labels as sorted pairs."""
    return tuple(sorted(labels.items()))
