"""Heapster's recorded metric sets, rendered here, compared with the lines that Heapster wrote for them."""

import gzip
import json
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import pytest

from schemas.catalogue import BY_NAME, Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version
from writer.lines.render import PointSchema, render

HEAPSTER: Final = Path(__file__).parents[3] / "fixtures" / "golden" / "basic" / "heapster"
FIRST_WINDOW: Final = 1704067200_000_000_000
STEP: Final = 10_000_000_000
ROUNDED: Final = 5.1e-7  # the metric sets were recorded with six decimals, the lines with all


def typed(name: str, value: Number) -> Number:
    return float(value) if BY_NAME[name].value == "float" else int(value)


def metric_set(key: str, document: dict[str, Any]) -> MetricSet:
    labeled: defaultdict[tuple[tuple[str, str], ...], dict[str, Number]] = defaultdict(dict)
    for each in document["labeled"]:
        labeled[tuple(sorted(each["labels"].items()))][each["name"]] = typed(each["name"], each["value"])
    return MetricSet(
        key=key,
        type=document["labels"]["type"],
        labels=document["labels"],
        values={name: typed(name, value) for name, value in document["metrics"].items()},
        labeled=tuple(LabeledValues(dict(labels), values) for labels, values in labeled.items()),
    )


def window(tick: int) -> MetricBatch:
    sets = json.loads((HEAPSTER / "metricsets" / f"tick-{tick}.json").read_text())
    return MetricBatch(
        cluster="default",
        entity="all",
        window_end_ns=FIRST_WINDOW + tick * STEP,
        resolution_ns=STEP,
        sets=tuple(metric_set(key, document) for key, document in sets.items()),
        version=Version(1, 0),
    )


def points(lines: Iterable[str]) -> dict[str, str]:
    """Values by series, field and time; Heapster writes a line per field."""
    found: dict[str, str] = {}
    for line in lines:
        series, fields, time = line.rsplit(" ", 2)
        for field in fields.split(","):
            name, value = field.split("=")
            found[f"{series} {name} {time}"] = value
    return found


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        pytest.param("k8s.lp.gz", PointSchema(), id="default"),
        pytest.param("k8s_fields.lp.gz", PointSchema(with_fields=True), id="withfields"),
        pytest.param(
            "k8s_rates.lp.gz",
            PointSchema(counters_with_rates=False, cluster_name="prod"),
            id="without counters, cluster named",
        ),
    ],
)
def test_every_line_equals_heapsters(file: str, schema: PointSchema) -> None:
    expected = points(gzip.decompress((HEAPSTER / "lines" / file).read_bytes()).decode().splitlines())
    found = points(line for tick in range(5) for line in render(window(tick), schema).lines)
    assert found.keys() == expected.keys()
    for point, value in expected.items():
        if value.endswith("i"):
            assert found[point] == value, point
        else:
            assert not found[point].endswith("i"), point
            assert float(found[point]) == pytest.approx(float(value), rel=0, abs=ROUNDED), point
