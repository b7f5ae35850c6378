"""Names: what metrics are called in lines, and which of them share one."""

from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple

from schemas.catalogue import RATED_COUNTERS
from writer.lines.line_protocol import Problem, Problems, cleaned, escaped

_VALUE: Final = "value"
_NAMES_KEPT: Final = 4096  # names that metrics of the catalogue and applications have, many times over


class MeasurementName(NamedTuple):
    """What a metric is called in a line, escaped."""

    measurement: str
    field: str
    problems: tuple[Problem, ...]


def is_wanted(metric: str, *, counters_with_rates: bool) -> bool:
    """Whether a metric is written at all."""
    return counters_with_rates or metric not in RATED_COUNTERS


@lru_cache(maxsize=_NAMES_KEPT)
def name_of(metric: str, *, with_fields: bool) -> MeasurementName:
    """Measurement and field key, escaped: with fields, what stands before and after the first slash."""
    problems = Problems()
    measurement, slash, field = metric.partition("/")
    if not (with_fields and slash):
        measurement, field = metric, _VALUE
    return MeasurementName(
        cleaned(measurement, problems).replace(",", r"\,").replace(" ", r"\ "),
        escaped(cleaned(field, problems)).replace('"', r"\""),
        tuple(problems.elements()),
    )


def by_line(metrics: Iterable[str], *, with_fields: bool) -> list[list[str]]:
    """The metrics of each line. Two that have become one field stay apart: the later one counts."""
    if not with_fields:
        return [[metric] for metric in metrics]
    begun: dict[str, dict[str, str]] = {}  # by measurement, metrics by field
    lines: list[dict[str, str]] = []
    for metric in metrics:
        name = name_of(metric, with_fields=True)
        line = begun.get(name.measurement)
        if line is None or name.field in line:
            line = begun[name.measurement] = {}
            lines.append(line)
        line[name.field] = metric
    return [list(line.values()) for line in lines]
