"""Points: the lines of InfluxDB's line protocol that a batch of metric sets becomes.

Source: Heapster's InfluxDB sink (docs/influxdb.md, points) and its tag sets (docs/labels.md, tags). What the
protocol cannot express is mended or left out, and counted.
"""

import math
from collections.abc import Iterator, Mapping

from schemas.catalogue import Number
from schemas.metric_batch import MetricBatch
from schemas.rows import columns_of
from writer.lines.line_protocol import (
    MAX_SERIES_KEY_BYTES,
    NOT_FINITE,
    SERIES_KEY_TOO_LONG,
    Problem,
    Problems,
    number,
)
from writer.lines.measurement_names import by_line, is_wanted, name_of
from writer.lines.point_schema import PointSchema, Rendered
from writer.lines.render_columns import render_columns
from writer.lines.tags import entity_labels, tags

__all__ = ["PointSchema", "Problem", "Rendered", "number", "render", "render_sets"]


def render(batch: MetricBatch, schema: PointSchema) -> Rendered:
    """The batch's points; all have its timestamp. Fields of one series share a line."""
    cluster = batch.cluster if schema.cluster_name is None else schema.cluster_name
    found = render_columns(columns_of(batch.sets), batch.window_end_ns, cluster, schema)
    return render_sets(batch, schema) if found is None else found


def render_sets(batch: MetricBatch, schema: PointSchema) -> Rendered:
    """The same one by one, whatever names, labels and values there are."""
    lines: list[str] = []
    problems = Problems()
    cluster = batch.cluster if schema.cluster_name is None else schema.cluster_name
    for metric_set in batch.sets:
        labels = entity_labels(metric_set, schema.tag_set)
        for own, values in (({}, metric_set.values), *metric_set.labeled):
            if values:
                where = tags({**labels, **own}, cluster, schema.tag_set, problems)
                lines += _lines(values, where, batch.window_end_ns, schema, problems)
    return Rendered("".join(lines), len(lines), problems)


def _lines(
    values: Mapping[str, Number], where: str, time_ns: int, schema: PointSchema, problems: Problems
) -> Iterator[str]:
    wanted = [metric for metric in values if is_wanted(metric, counters_with_rates=schema.counters_with_rates)]
    for metric in wanted:
        problems.update(name_of(metric, with_fields=schema.with_fields).problems)
    tags_bytes = len(where.encode())
    left = [metric for metric in wanted if _is_writable(metric, values[metric], tags_bytes, schema, problems)]
    for line in by_line(left, with_fields=schema.with_fields):
        names = [(name_of(metric, with_fields=schema.with_fields), values[metric]) for metric in line]
        fields = ",".join(f"{name.field}={number(value)}" for name, value in names)
        yield f"{names[0][0].measurement}{where} {fields} {time_ns}\n"


def _is_writable(metric: str, value: Number, tags_bytes: int, schema: PointSchema, problems: Problems) -> bool:
    """Whether it is finite, in a series whose key is short enough."""
    measurement = name_of(metric, with_fields=schema.with_fields).measurement
    if tags_bytes + len(measurement.encode()) > MAX_SERIES_KEY_BYTES:
        problems[SERIES_KEY_TOO_LONG] += 1
        return False
    if not math.isfinite(value):
        problems[NOT_FINITE] += 1
        return False
    return True
