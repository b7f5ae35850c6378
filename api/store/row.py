"""One kept window of a node or group, and access to its metric sets."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from api.store.batch_schema import BatchSchema, Entity, Labels
from api.store.packed_batch import Numbers
from schemas.catalogue import Number
from schemas.metric_batch import LabeledValues, Version

_SCRAPE: Final = "scrape/"


class Point(NamedTuple):
    """One value of a series, with the metric's Python type."""

    time_ns: int  # the window's end
    value: Number


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric set in one window."""

    row: "Row"  # the row that holds it
    at: int  # position in the row's schema
    numbers: Numbers

    @property
    def entity(self) -> Entity:
        """The entity without its numbers."""
        return self.row.schema.entities[self.at]

    @property
    def window_end_ns(self) -> int:
        """The end of the window."""
        return self.row.window_end_ns

    @property
    def key(self) -> str:
        """Heapster's key, such as `namespace:default/pod:web-1`."""
        return self.entity.key

    def value(self, metric: str, labels: Labels = ()) -> Number | None:
        """Return the value of a metric with exactly these labels; None if there is none."""
        found = self.row.schema.place(self.at, metric, labels)
        return None if found is None else self.numbers.at(*found)

    def labeled(self) -> Iterator[LabeledValues]:
        """Yield all values; those without labels first."""
        for group, places in self.row.schema.places(self.at):
            each = zip(group.metrics, places, group.types, strict=True)
            values = {metric: self.numbers.at(place, type_) for metric, place, type_ in each}
            yield LabeledValues(dict(group.labels), values)

    def below(self) -> "Iterator[Reading]":
        """Yield the content of this entity in the same window."""
        for at in self.row.schema.below(self.key):
            yield Reading(self.row, at, self.numbers)

    def values(self) -> dict[str, Number]:
        """Return the values without labels, by metric name."""
        return {name: value for own in self.labeled() if not own.labels for name, value in own.values.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One window of one source: a node with everything on it, a namespace, or the cluster."""

    window_end_ns: int
    resolution_ns: int
    version: Version
    nodes_counted: int
    nodes_expected: int
    schema: BatchSchema
    block: bytes

    def value(self, key: str, metric: str, labels: Labels) -> Number | None:
        """Return one value; faster than through a reading."""
        at = self.schema.position(key)
        if at is None:
            return None
        found = self.schema.place(at, metric, labels)
        return None if found is None else Numbers(self.schema, self.block).at(*found)

    def answered(self, key: str) -> bool:
        """Tell whether the entity has metrics besides those about its scrape."""
        return any(not metric.startswith(_SCRAPE) for metric in self.schema.plain_metrics(key))

    def reading(self, key: str) -> Reading | None:
        """Return the metric set of that key, None if there is none."""
        at = self.schema.position(key)
        return None if at is None else next(self.readings((at,)))

    def readings(self, positions: Iterable[int]) -> Iterator[Reading]:
        """Yield the metric sets at these positions of the schema."""
        numbers = Numbers(self.schema, self.block)
        for at in positions:
            yield Reading(self, at, numbers)
