"""The page of one entity: its newest values and the lines of its charts."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from api.store.batch_schema import Labels, label_pairs
from api.store.current_view import AHEAD_NS
from api.store.row import Point, Reading
from api.store.snapshot import Snapshot, scrapes
from api.store.times import NS_PER_MS
from schemas.catalogue import BY_NAME, CUSTOM_PREFIX, NODE, EntityType, Number

_PLAIN: Final = (
    "cpu/usage_rate",
    "cpu/request",
    "cpu/limit",
    "cpu/node_allocatable",
    "memory/usage",
    "memory/working_set",
    "memory/request",
    "memory/limit",
    "memory/node_allocatable",
    "network/rx_rate",
    "network/tx_rate",
)
_LABELED: Final = ("filesystem/usage", "filesystem/limit")
_FILESYSTEMS: Final = 8  # shown at most: a pod may have any number of volumes


@dataclass(frozen=True, slots=True)
class Value:
    """One metric of the entity in its newest window."""

    metric: str
    labels: dict[str, str]
    value: Number
    unit: str


@dataclass(frozen=True, slots=True)
class Line:
    """One series: a value or None for each of the times."""

    metric: str
    labels: dict[str, str]
    values: list[Number | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """One entity. `window_ms` is None if it has no current metrics; its lines end in the past then."""

    key: str
    type: EntityType
    window_ms: int | None
    resolution_ms: int
    labels: dict[str, str]
    values: list[Value]
    scrapes: list[tuple[int, bool]]  # of a node: ends of its windows in ms, and whether it answered
    times: list[int]  # ms
    lines: list[Line]


def details(snapshot: Snapshot, key: str) -> Details | None:
    """Return the details of the entity with that key, None if it is unknown."""
    latest = snapshot.store.latest(key)
    if latest is None:
        return None
    current = snapshot.view.current(key)
    series = {
        (metric, labels): points
        for metric, labels in _charted(latest)
        if (points := snapshot.store.series(key, metric, labels, end_ns=snapshot.now_ns + AHEAD_NS))
    }
    times = sorted({point.time_ns for points in series.values() for point in points})
    return Details(
        key=key,
        type=latest.entity.type,
        window_ms=None if current is None else current.window_end_ns // NS_PER_MS,
        resolution_ms=snapshot.state.resolution_ns // NS_PER_MS,
        labels=latest.entity.labels,
        values=list(_values(current)) if current is not None else [],
        scrapes=_scrapes(snapshot, latest),
        times=[time_ns // NS_PER_MS for time_ns in times],
        lines=[Line(metric, dict(labels), _aligned(points, times)) for (metric, labels), points in series.items()],
    )


def _charted(reading: Reading) -> Iterable[tuple[str, Labels]]:
    for metric in _PLAIN:
        yield metric, ()
    own = [label_pairs(each.labels) for each in reading.labeled() if "filesystem/usage" in each.values]
    for labels in sorted(own)[:_FILESYSTEMS]:
        for metric in _LABELED:
            yield metric, labels


def _values(reading: Reading) -> Iterable[Value]:
    for own in reading.labeled():
        for metric, value in own.values.items():
            yield Value(metric, dict(own.labels), value, unit_of(metric))


def unit_of(metric: str) -> str:
    """Return the unit of a metric; empty for custom metrics."""
    known = BY_NAME.get(metric)
    if known is not None:
        return known.unit
    return "" if metric.startswith(CUSTOM_PREFIX) else "count"


def _scrapes(snapshot: Snapshot, reading: Reading) -> list[tuple[int, bool]]:
    windows = snapshot.store.windows(reading.key) if reading.entity.type == NODE else ()
    return (
        [(end_ns // NS_PER_MS, answered) for end_ns, answered in scrapes(windows, snapshot.due_ns)] if windows else []
    )


def _aligned(points: Iterable[Point], times: Iterable[int]) -> list[Number | None]:
    values = {point.time_ns: point.value for point in points}
    return [values.get(time_ns) for time_ns in times]
