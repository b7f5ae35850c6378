"""InfluxDB line protocol of a metric batch.

Source: Heapster's InfluxDB sink (docs/influxdb.md, points) and its tag sets (docs/labels.md, tags). Values and
characters that line protocol cannot express are omitted or replaced, and counted.
"""

import math
from collections.abc import Iterator, Mapping

from schemas.catalogue import Number
from schemas.metric_batch import MetricBatch
from schemas.rows import columns_from_sets
from writer.lines.line_protocol import (
    MAX_SERIES_KEY_BYTES,
    NOT_FINITE,
    SERIES_KEY_TOO_LONG,
    Problem,
    Problems,
    format_number,
)
from writer.lines.measurement_names import group_by_line, is_written, measurement_name
from writer.lines.point_schema import PointSchema, Rendered
from writer.lines.render_columns import render_columns
from writer.lines.tags import render_tags, tag_labels

__all__ = ["PointSchema", "Problem", "Rendered", "format_number", "render", "render_sets"]


def render(batch: MetricBatch, schema: PointSchema) -> Rendered:
    """Render the points of a batch, with the batch's timestamp. Fields of one series share a line."""
    cluster = batch.cluster if schema.cluster_name is None else schema.cluster_name
    rendered = render_columns(columns_from_sets(batch.sets), batch.window_end_ns, cluster, schema)
    return render_sets(batch, schema) if rendered is None else rendered


def render_sets(batch: MetricBatch, schema: PointSchema) -> Rendered:
    """Render set by set: slower than `render_columns`, for any names, labels and values."""
    lines: list[str] = []
    problems = Problems()
    cluster = batch.cluster if schema.cluster_name is None else schema.cluster_name
    for metric_set in batch.sets:
        labels = tag_labels(metric_set, schema.tag_set)
        for own_labels, values in (({}, metric_set.values), *metric_set.labeled):
            if values:
                tags = render_tags({**labels, **own_labels}, cluster, schema.tag_set, problems)
                lines += _lines(values, tags, batch.window_end_ns, schema, problems)
    return Rendered("".join(lines), len(lines), problems)


def _lines(
    values: Mapping[str, Number], tags: str, time_ns: int, schema: PointSchema, problems: Problems
) -> Iterator[str]:
    metrics = [metric for metric in values if is_written(metric, counters_with_rates=schema.counters_with_rates)]
    for metric in metrics:
        problems.update(measurement_name(metric, with_fields=schema.with_fields).problems)
    tags_bytes = len(tags.encode())
    writable = [metric for metric in metrics if _is_writable(metric, values[metric], tags_bytes, schema, problems)]
    for line in group_by_line(writable, with_fields=schema.with_fields):
        names = [(measurement_name(metric, with_fields=schema.with_fields), values[metric]) for metric in line]
        fields = ",".join(f"{name.field}={format_number(value)}" for name, value in names)
        yield f"{names[0][0].measurement}{tags} {fields} {time_ns}\n"


def _is_writable(metric: str, value: Number, tags_bytes: int, schema: PointSchema, problems: Problems) -> bool:
    """Whether the value is finite and its series key is short enough."""
    measurement = measurement_name(metric, with_fields=schema.with_fields).measurement
    if tags_bytes + len(measurement.encode()) > MAX_SERIES_KEY_BYTES:
        problems[SERIES_KEY_TOO_LONG] += 1
        return False
    if not math.isfinite(value):
        problems[NOT_FINITE] += 1
        return False
    return True
