"""Text of a metric batch, as Heapster's log sink wrote it (docs/configuration.md, 3)."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from schemas.catalogue import Number
from schemas.metric_batch import MetricBatch, MetricSet

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_NO_TIME: Final = "0001-01-01 00:00:00 +0000 UTC -6795364578871345152"  # Go's zero time, its nanoseconds overflowed


def render_text(batch: MetricBatch) -> str:
    """Render the metric sets sorted by key, their labels and metrics sorted by name."""
    return "\n".join(_lines(batch))


def _lines(batch: MetricBatch) -> Iterator[str]:
    yield f"DataBatch     Timestamp: {_time(batch.window_end_ns)}"
    yield ""
    for metric_set in sorted(batch.sets, key=lambda each: each.key):
        yield from _set_lines(metric_set)
        yield ""


def _set_lines(metric_set: MetricSet) -> Iterator[str]:
    yield f"MetricSet: {metric_set.key}"
    yield f"   Scrape time: {_time_and_ns(metric_set.scrape_ns)}"
    yield f"   Create time: {_time_and_ns(metric_set.collection_start_ns)}"
    yield "   Labels:"
    yield from _label_lines(metric_set.labels, "      ")
    yield "   Metrics:"
    for name, value in sorted(metric_set.values.items()):
        yield f"      {name} = {_number(value)}"
    yield "   Labeled Metrics:"
    labeled = ((name, each.labels, value) for each in metric_set.labeled for name, value in each.values.items())
    for name, labels, value in sorted(labeled, key=lambda entry: (entry[0], sorted(entry[1].items()))):
        yield f"      {name} = {_number(value)}"
        yield from _label_lines(labels, "         ")


def _label_lines(labels: Mapping[str, str], indent: str) -> Iterator[str]:
    for name, value in sorted(labels.items()):
        yield f"{indent}{name} = {value}"


def _number(value: Number) -> str:
    return str(value) if isinstance(value, int) else f"{value:.6f}"


def _time(time_ns: int) -> str:
    seconds, fraction_ns = divmod(time_ns, 1_000_000_000)
    fraction = f".{fraction_ns:09d}".rstrip("0") if fraction_ns else ""
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def _time_and_ns(time_ns: int | None) -> str:
    return _NO_TIME if time_ns is None else f"{_time(time_ns)} {time_ns}"
