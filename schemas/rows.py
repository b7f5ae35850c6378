"""Rows: the metric sets of a batch as columns, the layout of `metric_batch-3.avsc`.

A node's sets have few shapes, the same names again and again: a shape is written once, and of each set only what is
its own. docs/performance.md says what that saves.
"""

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import compress
from operator import itemgetter
from typing import Any, Final, TypeAlias, cast

from schemas.catalogue import BY_NAME, BY_NUMBER, EntityType, Number
from schemas.codec import Record, UndecodableError
from schemas.metric_set import LabeledValues, MetricSet

_TIMES: Final = ("collection_start_ns", "entity_create_ns", "scrape_ns")
_NO_TIME: Final = (False, False, False)
_SHAPES_KEPT: Final = 4096
_NUMBER_BYTES: Final = 8

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


def sets_of(record: Record) -> tuple[MetricSet, ...]:
    """The sets in a record. Metrics that a newer catalogue has numbered are left out: there is no name for them here.

    Raises:
        UndecodableError: the columns do not fit the shapes.
    """
    layouts = [_layout(**{name: _hashable(value) for name, value in each.items()}) for each in _list(record["shapes"])]
    try:
        rows = [layouts[row] for row in _list(record["rows"])]
        texts, ints, floats = _list(record["texts"]), _numbers("q", record["ints"]), _numbers("d", record["floats"])
    except (IndexError, struct.error) as error:
        raise UndecodableError(f"metric_batch: damaged body: {error}") from error
    held = len(texts), len(ints), len(floats)
    if held != tuple(sum(lengths) for lengths in zip((0, 0, 0), *(row.lengths for row in rows), strict=True)):
        raise UndecodableError("metric_batch: damaged body: rows and columns do not fit")
    return tuple(_read(rows, iter(texts), iter(ints), iter(floats)))


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


@dataclass(frozen=True, slots=True, eq=False)
class _Layout:
    """A shape as it is read."""

    type: EntityType | None
    times: _Names
    labels: _Names
    ints: tuple[str | None, ...]  # None: a number without a name here
    floats: tuple[str | None, ...]
    lengths: tuple[int, int, int]  # in texts, ints and floats


@lru_cache(maxsize=_SHAPES_KEPT)
def _layout(  # noqa: PLR0913 - the fields of a shape
    *,
    type: EntityType | None,  # noqa: A002 - its name in the schema
    times: _Names,
    labels: _Names,
    ints: tuple[int, ...],
    other_ints: _Names,
    floats: tuple[int, ...],
    other_floats: _Names,
) -> _Layout:
    int_names, float_names = (*_named(ints), *other_ints), (*_named(floats), *other_floats)
    lengths = len(labels) + (type is not None), len(times) + len(int_names), len(float_names)
    return _Layout(type, times, labels, int_names, float_names, lengths)


def _read(
    rows: Iterable[_Layout], texts: Iterator[str], ints: Iterator[int], floats: Iterator[float]
) -> Iterator[MetricSet]:
    """Walks all columns at once. In `zip` the names come first: it takes nothing from a column when they are over."""
    labeled: list[LabeledValues] = []
    for row in rows:
        key = "" if row.type is None else next(texts)
        times = dict(zip(row.times, ints, strict=False))
        labels = dict(zip(row.labels, texts, strict=False))
        values: dict[str | None, Number] = dict(zip(row.ints, ints, strict=False))
        values.update(zip(row.floats, floats, strict=False))
        values.pop(None, None)
        named = cast("dict[str, Number]", values)
        if row.type is None:
            labeled.append(LabeledValues(labels, named))
        else:
            yield MetricSet(key, row.type, labels, named, tuple(labeled), **times)
            labeled.clear()


def _named(numbers: Iterable[int]) -> Iterator[str | None]:
    for number in numbers:
        known = BY_NUMBER.get(number)
        yield None if known is None else known.name


def _numbers(form: str, column: object) -> tuple[Any, ...]:
    data = cast("bytes", column)
    return struct.unpack(f"<{len(data) // _NUMBER_BYTES}{form}", data)


def _list(value: object) -> list[Any]:
    return cast("list[Any]", value)


def _hashable(value: object) -> Any:  # noqa: ANN401 - a shape's field, as `_layout` takes it
    return tuple(value) if isinstance(value, list) else value
