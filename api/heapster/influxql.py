"""InfluxQL: what the historical API asks InfluxDB, in either of Heapster's schemas (docs/api.md).

Every name that comes from outside is checked before it gets into a statement.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from api.store.batch_schema import Labels
from api.store.times import NS_PER_S, time_text
from schemas.catalogue import EntityType

EPOCH: Final = "ns"  # how times come back
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]+")
_METRIC: Final = re.compile(r"[A-Za-z0-9_.:/-]+")
_FUNCTIONS: Final = {
    "average": "MEAN({})",
    "max": "MAX({})",
    "min": "MIN({})",
    "median": "MEDIAN({})",
    "count": "COUNT({})",
    "50-perc": "PERCENTILE({}, 50)",
    "95-perc": "PERCENTILE({}, 95)",
    "99-perc": "PERCENTILE({}, 99)",
}
_BUCKET_UNITS_NS: Final = {
    "ms": 1_000_000,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
    "d": 86_400 * NS_PER_S,
}
_LARGEST_BUCKET_NS: Final = 2**63 - 1
_OF_EVERY_ENTITY: Final = "memory/usage"  # the metric that entities are found by


class InvalidNameError(ValueError):
    """A name that no metric, label or object has."""


@dataclass(frozen=True, slots=True)
class Subject:
    """An entity as InfluxDB knows it: its type, and the tags that tell it from others of the type."""

    type: EntityType
    tags: Mapping[str, str]
    shown: str  # as errors name it

    def __post_init__(self) -> None:
        """Raises InvalidNameError: a name has characters that none has."""
        for tag, value in self.tags.items():
            if not _NAME.fullmatch(value):
                raise InvalidNameError(f"invalid {tag} {value!r}")


class Range(NamedTuple):
    """From when to when; both ends are left out."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How points were written."""

    with_fields: bool
    cluster_name: str  # empty: no such tag

    def field(self, metric: str) -> tuple[str, str]:
        """Measurement and field of a metric."""
        group, slash, name = metric.partition("/")
        return (group, name) if self.with_fields and slash else (metric, "value")

    def metric(self, measurement: str, field: str) -> str:
        """The metric that is in that field."""
        return measurement if field == "value" else f"{measurement}/{field}"

    def series(self, subject: Subject, metric: str, labels: Labels, within: Range) -> str:
        """The points of one series."""
        measurement, field = self._checked(metric)
        return f'SELECT "{field}" FROM "{measurement}" WHERE {self._where(subject, labels)} AND {_time(within)}'

    def aggregated(
        self, subject: Subject, metric: str, labels: Labels, within: Range, functions: Sequence[str], bucket_ns: int
    ) -> str:
        """Aggregations of one series, by buckets of time; 0 is one bucket for all."""
        measurement, field = self._checked(metric)
        columns = ", ".join(_FUNCTIONS[name].format(f'"{field}"') for name in functions)
        grouped = f" GROUP BY time({bucket_ns // 1000}u) fill(none)" if bucket_ns else ""
        where = f"{self._where(subject, labels)} AND {_time(within)}"
        return f'SELECT {columns} FROM "{measurement}" WHERE {where}{grouped}'

    def tag_values(self, tag: str, of: Subject) -> str:
        """The values of a tag, on entities like that."""
        measurement, _ = self.field(_OF_EVERY_ENTITY)
        return f'SHOW TAG VALUES FROM "{measurement}" WITH KEY = "{tag}" WHERE {self._tags(of)}'

    def keys(self, subject: Subject) -> str:
        """The keys of an entity's series; SHOW MEASUREMENTS would not ask for all tags of the same series."""
        return f"SHOW SERIES WHERE {self._tags(subject)}"

    def fields(self, subject: Subject, measurements: Sequence[str]) -> str:
        """Of each measurement a row with the last value of every field that the entity has."""
        return "; ".join(f'SELECT LAST(*) FROM "{_escaped(each)}" WHERE {self._tags(subject)}' for each in measurements)

    def _checked(self, metric: str) -> tuple[str, str]:
        if not _METRIC.fullmatch(metric):
            raise InvalidNameError(f"invalid metric name {metric!r}")
        return self.field(metric)

    def _where(self, subject: Subject, labels: Labels) -> str:
        """Labeled values are found by their labels only: without, several series would come mixed as one."""
        for name, value in labels:
            if not _METRIC.fullmatch(name):
                raise InvalidNameError(f"invalid label name {name!r}")
            if not value.isprintable() or "'" in value or '"' in value:
                raise InvalidNameError(f"invalid label value {value!r}")
        own = [f"\"{name}\" = '{_quoted(value)}'" for name, value in labels]
        return " AND ".join([self._tags(subject), *(own or ["\"resource_id\" = ''", "\"accelerator_id\" = ''"])])

    def _tags(self, subject: Subject) -> str:
        tags = {"type": subject.type, **subject.tags}
        if self.cluster_name:
            tags["cluster_name"] = self.cluster_name
        return " AND ".join(f"\"{name}\" = '{_quoted(value)}'" for name, value in tags.items())


def parse_functions(text: str) -> tuple[str, ...]:
    """`average,max,95-perc`, each once. Raises ValueError: there is no such aggregation."""
    names = tuple(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in _FUNCTIONS:
            raise ValueError(f'Unknown aggregation "{name}"')
    return names


def parse_bucket_ns(text: str | None) -> int:
    """`5m`: a whole number, and one of `ms s m h d`; 0 if there is none. Raises ValueError: it is not that."""
    if not text:
        return 0
    found = re.fullmatch(r"([0-9]+)(ms|s|m|h|d)", text)
    if found is None:
        raise ValueError(f'bucket size "{text}" is not a number with one of ms, s, m, h and d')
    size_ns = int(found[1]) * _BUCKET_UNITS_NS[found[2]]
    if not 0 < size_ns <= _LARGEST_BUCKET_NS:
        raise ValueError(f'bucket size "{text}" is not a time that can be')
    return size_ns


def measurement_of(key: str) -> str:
    """The measurement in a series' key."""
    escaped = re.match(r"(?:\\.|[^,\\])*", key)
    return re.sub(r"\\([, ])", r"\1", escaped[0] if escaped else key)


def _time(within: Range) -> str:
    start, end = (time_text(each // NS_PER_S * NS_PER_S) for each in within)
    return f"time > '{start}' AND time < '{end}'"


def _quoted(text: str) -> str:
    return text.replace("\\", r"\\").replace("'", r"\'")


def _escaped(name: str) -> str:
    return name.replace("\\", r"\\").replace('"', r"\"")
