"""Rows: the metric sets in the columns of a batch, as `metric_batch-3.avsc` lays them out; `columns` writes them."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias, cast

from schemas.catalogue import BY_NUMBER, EntityType, Number
from schemas.codec import Record, UndecodableError
from schemas.metric_set import LabeledValues, MetricSet

_LAYOUTS_KEPT: Final = 4096
_NUMBER_BYTES: Final = 8

_Names: TypeAlias = tuple[str, ...]


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
class _Layout:
    """A shape as it is read."""

    type: EntityType | None
    times: _Names
    labels: _Names
    ints: tuple[str | None, ...]  # None: a number without a name here
    floats: tuple[str | None, ...]
    lengths: tuple[int, int, int]  # in texts, ints and floats


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
