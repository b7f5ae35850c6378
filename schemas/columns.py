"""Columns: the metric sets of a batch as `metric_batch-3.avsc` lays them out.

A node's sets have few shapes, the same names again and again: a shape is written once, and of each set only what is
its own. docs/optimizations.md says what that saves.
"""

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import Final, TypeAlias, cast

from schemas.catalogue import BY_NAME, EntityType, Number
from schemas.metric_set import MetricSet

_TIMES: Final = ("collection_start_ns", "entity_create_ns", "scrape_ns")

_NO_TIME: Final = (False, False, False)
_SHAPES_KEPT: Final = 4096

_Names: TypeAlias = tuple[str, ...]
_Pick: TypeAlias = Callable[[Mapping[str, Number]], tuple[Number, ...]]


def columns(sets: Iterable[MetricSet]) -> dict[str, object]:
    """The sets as the record's `shapes`, `rows`, `texts`, `ints` and `floats`.

    Raises:
        ValueError: a number that 64 bits cannot hold.
    """
    table = _Table()
    for metric_set in sets:
        for labeled in metric_set.labeled:
            table.add(None, _NO_TIME, labeled.labels, labeled.values)
        times = (metric_set.collection_start_ns, metric_set.entity_create_ns, metric_set.scrape_ns)
        has_time = tuple([time is not None for time in times])
        table.texts.append(metric_set.key)
        table.ints.extend(compress(times, has_time))
        table.add(metric_set.type, has_time, metric_set.labels, metric_set.values)
    return table.columns()


@dataclass(frozen=True, slots=True, eq=False)
class _Shape:
    """What rows have in common, and how their numbers are put into columns."""

    record: Mapping[str, object]
    ints: _Pick
    floats: _Pick


@dataclass(frozen=True, slots=True)
class _Table:
    """The columns while they are filled."""

    shapes: dict[_Shape, int] = field(default_factory=dict)
    rows: list[int] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    ints: list[int | None] = field(default_factory=list)
    floats: list[float] = field(default_factory=list)

    def add(
        self,
        kind: EntityType | None,
        has_time: tuple[bool, ...],
        labels: Mapping[str, str],
        values: Mapping[str, Number],
    ) -> None:
        shape = _shape(kind, has_time, tuple(labels), tuple(values), tuple(map(type, values.values())))
        self.rows.append(self.shapes.setdefault(shape, len(self.shapes)))
        self.texts.extend(labels.values())
        self.ints.extend(cast("tuple[int, ...]", shape.ints(values)))
        self.floats.extend(shape.floats(values))

    def columns(self) -> dict[str, object]:
        try:
            return {
                "shapes": [shape.record for shape in self.shapes],
                "rows": self.rows,
                "texts": self.texts,
                "ints": struct.pack(f"<{len(self.ints)}q", *self.ints),
                "floats": struct.pack(f"<{len(self.floats)}d", *self.floats),
            }
        except struct.error as error:
            raise ValueError(f"metric_batch: does not fit the schema: {error}") from error


@lru_cache(maxsize=_SHAPES_KEPT)
def _shape(
    kind: EntityType | None, has_time: tuple[bool, ...], labels: _Names, metrics: _Names, types: tuple[type, ...]
) -> _Shape:
    """By type, and by number where the catalogue has one."""
    floats = [name for name, found in zip(metrics, types, strict=True) if issubclass(found, float)]
    ints = [name for name in metrics if name not in floats]
    known_ints, other_ints = _known_first(ints)
    known_floats, other_floats = _known_first(floats)
    record = {
        "type": kind,
        "times": list(compress(_TIMES, has_time)),
        "labels": labels,
        "ints": [BY_NAME[name].number for name in known_ints],
        "other_ints": other_ints,
        "floats": [BY_NAME[name].number for name in known_floats],
        "other_floats": other_floats,
    }
    return _Shape(record, _pick(known_ints + other_ints), _pick(known_floats + other_floats))


def _known_first(names: Iterable[str]) -> tuple[list[str], list[str]]:
    known: list[str] = []
    others: list[str] = []
    for name in names:
        (known if name in BY_NAME else others).append(name)
    return known, others


def _pick(names: list[str]) -> _Pick:
    """The values of these names, always as a tuple."""
    if len(names) > 1:
        return cast("_Pick", itemgetter(*names))
    return lambda values: tuple([values[name] for name in names])
