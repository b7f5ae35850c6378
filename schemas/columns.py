"""Write metric sets as columns, the format of `metric_batch` from version 3 on; `rows` reads them.

Many sets of a node have the same label and metric names. These names form a shape, which is written once; each set
adds only its key, times and values. See docs/optimizations.md for the savings.
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
_Selector: TypeAlias = Callable[[Mapping[str, Number]], tuple[Number, ...]]


def to_columns(sets: Iterable[MetricSet]) -> dict[str, object]:
    """The fields `shapes`, `rows`, `texts`, `ints` and `floats` of the record.

    Raises:
        ValueError: a number needs more than 64 bits.
    """
    table = _ColumnBuilder()
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
    """The names that rows share, and functions that select the values of a row."""

    record: Mapping[str, object]
    ints: _Selector
    floats: _Selector


@dataclass(frozen=True, slots=True)
class _ColumnBuilder:
    """Columns to which rows are added."""

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
    """Sort names by value type; write catalogue numbers instead of names where there are any."""
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
    return _Shape(record, _selector(known_ints + other_ints), _selector(known_floats + other_floats))


def _known_first(names: Iterable[str]) -> tuple[list[str], list[str]]:
    known: list[str] = []
    others: list[str] = []
    for name in names:
        (known if name in BY_NAME else others).append(name)
    return known, others


def _selector(names: list[str]) -> _Selector:
    """A function that returns the values of these names as a tuple."""
    if len(names) > 1:
        return cast("_Selector", itemgetter(*names))
    return lambda values: tuple([values[name] for name in names])
