"""Read the columns of `metric_batch` from version 3 on, one row per metric set; `columns` writes them."""

import struct
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple, TypeAlias, cast, overload

from schemas.catalogue import BY_NUMBER, EntityType, Number
from schemas.codec import Record, UndecodableError
from schemas.columns import to_columns
from schemas.metric_set import LabeledValues, MetricSet

_FORMATS_KEPT: Final = 4096
_NUMBER_BYTES: Final = 8

_Names: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RowFormat:
    """Names and lengths of the rows of one shape; equal formats are the same object."""

    type: EntityType | None  # None: labeled values, which belong to the next metric set
    times: _Names
    labels: _Names
    ints: tuple[str | None, ...]  # metric names; None if the catalogue has no metric with the number
    floats: tuple[str | None, ...]
    lengths: tuple[int, int, int]  # number of texts, ints and floats in a row


class Columns(NamedTuple):
    """The rows of a batch: the format of each row, and the values of all rows in order."""

    rows: tuple[RowFormat, ...]
    texts: tuple[str, ...]  # per row: the metric set's key, then the values of its labels
    ints: tuple[int, ...]  # per row: its times, then its metrics
    floats: tuple[float, ...]  # per row: its metrics


class LazyMetricSets(Sequence[MetricSet]):
    """The metric sets in columns, created at the first access; the writer renders lines from the columns directly."""

    def __init__(self, columns: Columns) -> None:
        """Keep the columns without reading them."""
        self.columns = columns

    @cached_property
    def _sets(self) -> tuple[MetricSet, ...]:
        rows, texts, ints, floats = self.columns
        return tuple(_metric_sets(rows, iter(texts), iter(ints), iter(floats)))

    def __len__(self) -> int:
        """Number of metric sets; rows with labeled values are parts of sets."""
        return len([row for row in self.columns.rows if row.type is not None])

    @overload
    def __getitem__(self, at: int) -> MetricSet: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[MetricSet, ...]: ...
    def __getitem__(self, at: int | slice) -> MetricSet | tuple[MetricSet, ...]:
        """The metric set at this index, or those of a slice."""
        return self._sets[at]

    def __iter__(self) -> Iterator[MetricSet]:
        """Iterate over the metric sets."""
        return iter(self._sets)

    def __eq__(self, other: object) -> bool:
        """Compare like a tuple of the metric sets."""
        return self._sets == (other._sets if isinstance(other, LazyMetricSets) else other)

    def __hash__(self) -> int:
        """Hash like a tuple of the metric sets."""
        return hash(self._sets)

    def __repr__(self) -> str:
        """Represent like a tuple of the metric sets."""
        return repr(self._sets)


def columns_from_sets(sets: Sequence[MetricSet]) -> Columns:
    """The columns that sets were read from, or new ones. Raises ValueError: a number needs more than 64 bits."""
    return sets.columns if isinstance(sets, LazyMetricSets) else read_columns(to_columns(sets))


def read_columns(record: Record) -> Columns:
    """Read the columns of a record. Metrics that are not in this catalogue version get the name None.

    Raises:
        UndecodableError: the columns do not fit the shapes.
    """
    shapes = _list(record["shapes"])
    formats = [_row_format(**{name: _hashable(value) for name, value in shape.items()}) for shape in shapes]
    numbers = _list(record["rows"])
    try:
        rows = tuple([formats[number] for number in numbers])
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
    """The lengths of the columns that these rows need: texts, ints, floats."""
    counts = Counter(rows).items()
    return tuple(sum(count * row.lengths[column] for row, count in counts) for column in range(3))


@lru_cache(maxsize=_FORMATS_KEPT)
def _row_format(  # noqa: PLR0913 - the fields of a shape
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


def _metric_sets(
    rows: Iterable[RowFormat], texts: Iterator[str], ints: Iterator[int], floats: Iterator[float]
) -> Iterator[MetricSet]:
    """Read all columns in parallel. In `zip` the names come first: after the last name it takes no further value."""
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


def _hashable(value: object) -> Any:  # noqa: ANN401 - a shape's field, as `_row_format` takes it
    return tuple(value) if isinstance(value, list) else value
