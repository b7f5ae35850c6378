"""JSON of a metric batch: one message per point, as Heapster's Kafka sink wrote it (docs/configuration.md, 3)."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.catalogue import Number
from schemas.metric_batch import MetricBatch
from writer.lines.line_protocol import NOT_FINITE, Problems, format_float
from writer.lines.render import Rendered

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def render_json(batch: MetricBatch) -> Rendered:
    """Render one JSON object per line and point, tagged with all labels; values that are not finite are counted."""
    problems = Problems()
    time = _time(batch.window_end_ns)
    lines: list[str] = []
    for metric_set in batch.sets:
        lines += _lines(metric_set.labels, metric_set.values, time, problems)
        for labeled in metric_set.labeled:
            lines += _lines({**metric_set.labels, **labeled.labels}, labeled.values, time, problems)
    return Rendered("".join(lines), len(lines), problems)


def _lines(labels: Mapping[str, str], values: Mapping[str, Number], time: str, problems: Problems) -> list[str]:
    end = f'}},"MetricsTimestamp":"{time}","MetricsTags":{_json(labels)}}}\n'
    lines: list[str] = []
    for metric, value in values.items():
        if math.isfinite(value):
            lines.append(f'{{"MetricsName":{_json(metric)},"MetricsValue":{{"value":{_number(value)}{end}')
        else:
            problems[NOT_FINITE] += 1
    return lines


def _json(value: object) -> str:
    """Encode with keys sorted, as Go encodes maps."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _number(value: Number) -> str:
    return str(value) if isinstance(value, int) else format_float(value)


def _time(time_ns: int) -> str:
    """Format as RFC 3339, with a fraction only if it is not zero."""
    seconds, fraction_ns = divmod(time_ns, 1_000_000_000)
    fraction = f".{fraction_ns:09d}".rstrip("0") if fraction_ns else ""
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}{fraction}Z"
