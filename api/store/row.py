"""Readings: what can be read from one kept window of one node or group."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from api.store.batch_schema import BatchSchema, Entity, Labels
from api.store.packed_batch import Numbers
from schemas.catalogue import Number
from schemas.metric_batch import LabeledValues, Version

_SCRAPE: Final = "scrape/"


class Point(NamedTuple):
    """One value of a series; the Python type is the metric's."""

    time_ns: int  # the window's end
    value: Number


@dataclass(frozen=True, slots=True)
class Reading:
    """One metric set in one window."""

    row: "Row"  # what it is in; all that a node says in one window is in the same
    at: int  # its position in the row's shape
    numbers: Numbers

    @property
    def entity(self) -> Entity:
        """Which it is of."""
        return self.row.shape.entities[self.at]

    @property
    def window_end_ns(self) -> int:
        """When it was so."""
        return self.row.window_end_ns

    @property
    def key(self) -> str:
        """Heapster's, as `namespace:default/pod:web-1`."""
        return self.entity.key

    def value(self, metric: str, labels: Labels = ()) -> Number | None:
        """The value of a metric with exactly these labels of its own; None if there is none."""
        found = self.row.shape.place(self.at, metric, labels)
        return None if found is None else self.numbers.at(*found)

    def labeled(self) -> Iterator[LabeledValues]:
        """All values; first those without labels of their own."""
        for group, places in self.row.shape.places(self.at):
            each = zip(group.metrics, places, group.types, strict=True)
            values = {metric: self.numbers.at(place, type_) for metric, place, type_ in each}
            yield LabeledValues(dict(group.labels), values)

    def below(self) -> "Iterator[Reading]":
        """What is in it, in the same window."""
        for at in self.row.shape.below(self.key):
            yield Reading(self.row, at, self.numbers)

    def values(self) -> dict[str, Number]:
        """Those without labels of their own, by metric name."""
        return {name: value for own in self.labeled() if not own.labels for name, value in own.values.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One window of one source: a node with all that is on it, a namespace, or the cluster."""

    window_end_ns: int
    resolution_ns: int
    version: Version
    nodes_counted: int
    nodes_expected: int
    shape: BatchSchema
    block: bytes

    def value(self, key: str, metric: str, labels: Labels) -> Number | None:
        """One value; cheaper than a reading."""
        at = self.shape.position(key)
        if at is None:
            return None
        found = self.shape.place(at, metric, labels)
        return None if found is None else Numbers(self.shape, self.block).at(*found)

    def answered(self, key: str) -> bool:
        """Whether the entity says more than how its scrape went."""
        return any(not metric.startswith(_SCRAPE) for metric in self.shape.plain_metrics(key))

    def reading(self, key: str) -> Reading | None:
        """The metric set of that key."""
        at = self.shape.position(key)
        return None if at is None else next(self.readings((at,)))

    def readings(self, positions: Iterable[int]) -> Iterator[Reading]:
        """The metric sets at these positions of its shape."""
        numbers = Numbers(self.shape, self.block)
        for at in positions:
            yield Reading(self, at, numbers)
