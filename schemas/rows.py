"""Rows: the metric sets in the columns of a batch, as `metric_batch-3.avsc` lays them out; `columns` writes them."""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple, TypeAlias, cast, overload

from schemas.catalogue import BY_NUMBER, EntityType, Number
from schemas.codec import Record, UndecodableError
from schemas.columns import columns
from schemas.metric_set import LabeledValues, MetricSet

_LAYOUTS_KEPT: Final = 4096
_NUMBER_BYTES: Final = 8

_Names: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RowFormat:
    """A shape as it is read; equal ones are one object."""

    type: EntityType | None  # None: labeled values, of the next metric set
    times: _Names
    labels: _Names
    ints: tuple[str | None, ...]  # None: a number without a name here
    floats: tuple[str | None, ...]
    lengths: tuple[int, int, int]  # in texts, ints and floats


class Columns(NamedTuple):
    """What the rows of a batch have, one row after the other."""

    rows: tuple[RowFormat, ...]
    texts: tuple[str, ...]  # of each row: a metric set's key, then the values of its labels
    ints: tuple[int, ...]  # of each row: its times, then its metrics
    floats: tuple[float, ...]


class LazyMetricSets(Sequence[MetricSet]):
    """The metric sets of some columns, made when somebody looks at one: lines are made of the columns themselves."""

    def __init__(self, found: Columns) -> None:
        """Nothing is made yet."""
        self.columns = found

    @cached_property
    def _made(self) -> tuple[MetricSet, ...]:
        rows, texts, ints, floats = self.columns
        return tuple(_read(rows, iter(texts), iter(ints), iter(floats)))

    def __len__(self) -> int:
        """How many sets; labeled values are part of one."""
        return len([row for row in self.columns.rows if row.type is not None])

    @overload
    def __getitem__(self, at: int) -> MetricSet: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[MetricSet, ...]: ...
    def __getitem__(self, at: int | slice) -> MetricSet | tuple[MetricSet, ...]:
        """One or some of them."""
        return self._made[at]

    def __iter__(self) -> Iterator[MetricSet]:
        """One by one."""
        return iter(self._made)

    def __eq__(self, other: object) -> bool:
        """As a tuple of the same sets."""
        return self._made == (other._made if isinstance(other, LazyMetricSets) else other)

    def __hash__(self) -> int:
        """As a tuple of the same sets."""
        return hash(self._made)

    def __repr__(self) -> str:
        """As a tuple of the same sets."""
        return repr(self._made)


def columns_from_sets(sets: Sequence[MetricSet]) -> Columns:
    """The columns of sets: as they were read, or made of them. Raises ValueError: a number that 64 bits cannot hold."""
    return sets.columns if isinstance(sets, LazyMetricSets) else read_columns(columns(sets))


def read_columns(record: Record) -> Columns:
    """The columns in a record. Metrics that a newer catalogue has numbered have no name here.

    Raises:
        UndecodableError: the columns do not fit the shapes.
    """
    layouts = [_layout(**{name: _hashable(value) for name, value in each.items()}) for each in _list(record["shapes"])]
    numbers = _list(record["rows"])
    try:
        rows = tuple([layouts[number] for number in numbers])
        texts, ints, floats = (
            tuple(_list(record["texts"])),
            _numbers("q", record["ints"]),
            _numbers("d", record["floats"]),
        )
    except (IndexError, struct.error) as error:
        raise UndecodableError(f"metric_batch: damaged body: {error}") from error
    if (len(texts), len(ints), len(floats)) != _lengths(rows):
        raise UndecodableError("metric_batch: damaged body: rows and columns do not fit")
    return Columns(rows, texts, ints, floats)


def _lengths(rows: tuple[RowFormat, ...]) -> tuple[int, ...]:
    """Of the columns that these rows fill."""
    counted = Counter(rows).items()
    return tuple(sum(times * layout.lengths[column] for layout, times in counted) for column in range(3))


@lru_cache(maxsize=_LAYOUTS_KEPT)
def _layout(  # noqa: PLR0913 - the fields of a shape
    *,
    type: EntityType | None,  # noqa: A002 - its name in the schema
    times: _Names,
    labels: _Names,
    ints: tuple[int, ...],
    other_ints: _Names,
    floats: tuple[int, ...],
    other_floats: _Names,
) -> RowFormat:
    int_names, float_names = (*_named(ints), *other_ints), (*_named(floats), *other_floats)
    lengths = len(labels) + (type is not None), len(times) + len(int_names), len(float_names)
    return RowFormat(type, times, labels, int_names, float_names, lengths)


def _read(
    rows: Iterable[RowFormat], texts: Iterator[str], ints: Iterator[int], floats: Iterator[float]
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
