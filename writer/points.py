"""Points: the lines of InfluxDB's line protocol that a batch of metric sets becomes, one field a line.

Source: Heapster's InfluxDB sink (docs/influxdb.md, 1) and its tag sets (docs/labels.md, 7). What the protocol cannot
express is mended or left out, and counted.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias

from schemas.catalogue import POD, POD_CONTAINER, RATED_COUNTERS, Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet

TagSet: TypeAlias = Literal["1.3", "1.5"]
Problem: TypeAlias = Literal["not_finite", "series_key_too_long", "trailing_backslash", "line_break"]

NOT_FINITE: Final = "not_finite"  # NaN and infinity: the value is left out
SERIES_KEY_TOO_LONG: Final = "series_key_too_long"  # the value is left out
TRAILING_BACKSLASH: Final = "trailing_backslash"  # left out: it would swallow what ends the name or value
LINE_BREAK: Final = "line_break"  # written as a space: it would end the line

MAX_SERIES_KEY_BYTES: Final = 65535
_CLUSTER_NAME: Final = "cluster_name"
_VALUE: Final = "value"
_ONLY_1_3: Final = frozenset({"namespace_id", "pod_id", "hostname", "host_id"})
_NAMES_KEPT: Final = 4096  # names that metrics of the catalogue and applications have, many times over


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """Which points are made of a metric set.

    `with_fields` has a measurement per group of metrics instead of one per metric. The tag set of 1.5 leaves the
    four identifiers out; that of 1.3 has every label, and `pod_namespace`. `cluster_name` None is the record's own
    cluster; an empty one leaves the tag out.
    """

    with_fields: bool = False
    counters_with_rates: bool = True
    tag_set: TagSet = "1.5"
    cluster_name: str | None = None


class Rendered(NamedTuple):
    """Lines without their ends, and how often which problem was met."""

    lines: list[str]
    problems: Mapping[Problem, int]


class _Name(NamedTuple):
    measurement: str
    measurement_bytes: int
    field: str
    problems: tuple[Problem, ...]


def render(batch: MetricBatch, schema: Schema) -> Rendered:
    """The batch's points; all have its timestamp."""
    lines: list[str] = []
    problems: Counter[Problem] = Counter()
    for metric_set in batch.sets:
        labels = _entity_labels(metric_set, schema)
        for own in (LabeledValues({}, metric_set.values), *metric_set.labeled):
            if own.values:
                tags = _tags({**labels, **own.labels}, batch.cluster, schema, problems)
                _append_lines(lines, own.values, tags, f" {batch.window_end_ns}", schema, problems)
    return Rendered(lines, problems)


def number(value: Number) -> str:
    """As InfluxDB reads it back: `15i`, or the shortest decimal without exponent, whole ones without `.0`.

    Raises ValueError: not a finite number.
    """
    if isinstance(value, int):
        return f"{value}i"
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    shortest = repr(value)
    if "e" in shortest:
        return format(Decimal(shortest), "f")
    return shortest.removesuffix(".0")


def _entity_labels(metric_set: MetricSet, schema: Schema) -> Mapping[str, str]:
    if schema.tag_set == "1.3" and metric_set.type in {POD, POD_CONTAINER} and "namespace_name" in metric_set.labels:
        return {**metric_set.labels, "pod_namespace": metric_set.labels["namespace_name"]}
    return metric_set.labels


def _tags(labels: Mapping[str, str], cluster: str, schema: Schema, problems: Counter[Problem]) -> str:
    """`,name=value` of every tag, sorted by name, escaped."""
    left_out = frozenset() if schema.tag_set == "1.3" else _ONLY_1_3
    tags: dict[str, str] = {}
    for name, value in labels.items():
        if name not in left_out:
            tags[_clean(name, problems)] = _clean(value, problems)
    tags[_CLUSTER_NAME] = _clean(cluster if schema.cluster_name is None else schema.cluster_name, problems)
    return "".join(f",{_escape(name)}={_escape(tags[name])}" for name in sorted(tags) if name and tags[name])


def _append_lines(
    lines: list[str],
    values: Mapping[str, Number],
    tags: str,
    time: str,
    schema: Schema,
    problems: Counter[Problem],
) -> None:
    tags_bytes = len(tags.encode())
    for metric, value in values.items():
        if not schema.counters_with_rates and metric in RATED_COUNTERS:
            continue
        name = _name(metric, with_fields=schema.with_fields)
        if name.problems:
            problems.update(name.problems)
        if tags_bytes + name.measurement_bytes > MAX_SERIES_KEY_BYTES:
            problems[SERIES_KEY_TOO_LONG] += 1
            continue
        try:
            lines.append(f"{name.measurement}{tags} {name.field}={number(value)}{time}")
        except ValueError:
            problems[NOT_FINITE] += 1


@lru_cache(maxsize=_NAMES_KEPT)
def _name(metric: str, *, with_fields: bool) -> _Name:
    """Measurement and field key, escaped: with fields, what stands before and after the first slash."""
    problems: Counter[Problem] = Counter()
    measurement, slash, field = metric.partition("/")
    if not (with_fields and slash):
        measurement, field = metric, _VALUE
    escaped = _clean(measurement, problems).replace(",", r"\,").replace(" ", r"\ ")
    return _Name(
        escaped,
        len(escaped.encode()),
        _escape(_clean(field, problems)).replace('"', r"\""),
        tuple(problems.elements()),
    )


def _clean(text: str, problems: Counter[Problem]) -> str:
    if "\n" in text:
        problems[LINE_BREAK] += 1
        text = text.replace("\n", " ")
    if text.endswith("\\"):
        problems[TRAILING_BACKSLASH] += 1
        text = text.rstrip("\\")
    return text


def _escape(text: str) -> str:
    return text.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")
