"""Points: the lines of InfluxDB's line protocol that a batch of metric sets becomes.

Source: Heapster's InfluxDB sink (docs/influxdb.md, points) and its tag sets (docs/labels.md, tags). What the
protocol cannot express is mended or left out, and counted.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from schemas.catalogue import Number
from schemas.metric_batch import MetricBatch
from writer.protocol import (
    MAX_SERIES_KEY_BYTES,
    NOT_FINITE,
    SERIES_KEY_TOO_LONG,
    Problem,
    Problems,
    number,
)
from writer.tags import TagSet, entity_labels, tags
from writer.templates import Template, is_wanted, name_of, template_of

__all__ = ["Problem", "Rendered", "Schema", "number", "render"]

_MOST_BYTES: Final = 4  # of a character in UTF-8


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
    """Lines, each with its end, how many they are, and how often which problem was met."""

    text: str
    points: int
    problems: Mapping[Problem, int]

    @property
    def lines(self) -> list[str]:
        """One by one, without their ends."""
        return self.text.split("\n")[:-1]


def render(batch: MetricBatch, schema: Schema) -> Rendered:
    """The batch's points; all have its timestamp. Fields of one series share a line."""
    blocks: list[str] = []
    problems = Problems()
    points = 0
    cluster = batch.cluster if schema.cluster_name is None else schema.cluster_name
    for metric_set in batch.sets:
        labels = entity_labels(metric_set, schema.tag_set)
        for own, values in ((None, metric_set.values), *metric_set.labeled):
            if values:
                where = tags({**labels, **own} if own else labels, cluster, schema.tag_set, problems)
                template, numbers = _filled(values, where, batch.window_end_ns, schema, problems)
                # numbers first: that is slow in long texts, and tags are most of a line
                blocks.append((template.form % numbers).replace(template.mark, where))
                points += template.points
    return Rendered("".join(blocks), points, problems)


def _filled(
    values: Mapping[str, Number], where: str, time_ns: int, schema: Schema, problems: Problems
) -> tuple[Template, tuple[Any, ...]]:
    """The lines of these values, and what stands in their places."""
    template = _template(values, time_ns, schema)
    if template.problems:
        problems.update(template.problems)
    try:
        if len(where) * _MOST_BYTES + template.longest_bytes > MAX_SERIES_KEY_BYTES:
            raise ValueError("it may be too long")  # noqa: TRY301 - found out below, as what is not finite
        return template, template.numbers(values)
    except ValueError:
        left = _writable(values, len(where.encode()), schema, problems)
        template = _template(left, time_ns, schema)
        return template, template.numbers(left)


def _writable(values: Mapping[str, Number], tags_bytes: int, schema: Schema, problems: Problems) -> dict[str, Number]:
    """Those that are finite, in series whose keys are short enough."""
    left: dict[str, Number] = {}
    for metric, value in values.items():
        if not is_wanted(metric, counters_with_rates=schema.counters_with_rates):
            continue
        measurement = name_of(metric, with_fields=schema.with_fields).measurement
        if tags_bytes + len(measurement.encode()) > MAX_SERIES_KEY_BYTES:
            problems[SERIES_KEY_TOO_LONG] += 1
        elif not math.isfinite(value):
            problems[NOT_FINITE] += 1
        else:
            left[metric] = value
    return left


def _template(values: Mapping[str, Number], time_ns: int, schema: Schema) -> Template:
    types = tuple(map(type, values.values()))
    return template_of(tuple(values), types, time_ns, schema.with_fields, schema.counters_with_rates)
