"""Measurement and field key of each metric, and the metrics that share a line."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.catalogue import RATED_COUNTERS
from writer.lines.line_protocol import Problem, Problems, escape, sanitize

_VALUE: Final = "value"
_CACHE_SIZE: Final = 4096  # metric names of the catalogue and of applications repeat in every batch


class MeasurementName(NamedTuple):
    """Escaped measurement and field key of a metric, and the problems its name has."""

    measurement: str
    field: str
    problems: tuple[Problem, ...]


def is_written(metric: str, *, counters_with_rates: bool) -> bool:
    """Whether the schema includes the metric."""
    return counters_with_rates or metric not in RATED_COUNTERS


@lru_cache(maxsize=_CACHE_SIZE)
def measurement_name(metric: str, *, with_fields: bool) -> MeasurementName:
    """Measurement and field key; with fields, the parts before and after the first slash of the metric name."""
    problems = Problems()
    measurement, slash, field = metric.partition("/")
    if not (with_fields and slash):
        measurement, field = metric, _VALUE
    return MeasurementName(
        sanitize(measurement, problems).replace(",", r"\,").replace(" ", r"\ "),
        escape(sanitize(field, problems)).replace('"', r"\""),
        tuple(problems.elements()),
    )


def group_by_line(metrics: Iterable[str], *, with_fields: bool) -> list[list[str]]:
    """The metrics of each line. Two metrics with the same field key get two lines: InfluxDB keeps the later value."""
    if not with_fields:
        return [[metric] for metric in metrics]
    open_lines: dict[str, dict[str, str]] = {}  # by measurement; each line has its metrics by field key
    lines: list[dict[str, str]] = []
    for metric in metrics:
        name = measurement_name(metric, with_fields=True)
        line = open_lines.get(name.measurement)
        if line is None or name.field in line:
            line = open_lines[name.measurement] = {}
            lines.append(line)
        line[name.field] = metric
    return [list(line.values()) for line in lines]
