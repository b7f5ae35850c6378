"""Heapster's own output for recorded clusters, line by line: this pipeline has the same series, values and types."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from math import isclose
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from schemas.metric_batch import MetricBatch, MetricSet
from schemas.node_scrape import NodeScrape
from tests.scrapes import MINUTE_NS, processed, scrape_of, time_ns
from writer.lines.render import PointSchema, render

GOLDEN = Path(__file__).parents[1] / "fixtures" / "golden"
BASIC, NR131 = GOLDEN / "basic", GOLDEN / "nr131"
BASIC_WINDOWS, NR131_WINDOWS = range(5), range(3)
BASIC_START_NS, BASIC_RESOLUTION_NS = time_ns("2024-01-01T00:00:00Z"), 10_000_000_000

# The only difference in these recordings, a deliberate one: Heapster computes uptime with its clock when it decodes a
# document, this pipeline with the time of the scrape, five seconds after the window's end.
UPTIME_OFF_MS = 500

Points: TypeAlias = dict[tuple[str, str, str], str]
"""Values as written, by series, field and time."""


@cache
def read(path: Path) -> Any:
    return json.loads(path.read_text())


def basic_scrapes(tick: int) -> Iterator[NodeScrape]:
    served = BASIC / "input" / f"tick-{tick}"
    nodes = read(served / "nodes.json")["items"]
    for node in nodes:
        document = (served / "summary" / f"{node['metadata']['name']}.json").read_bytes()
        scrape = scrape_of(
            node,
            document,
            pods=read(served / "pods.json")["items"],
            namespaces=read(served / "namespaces.json")["items"],
            window_end_ns=BASIC_START_NS + tick * BASIC_RESOLUTION_NS,
        )
        yield replace(scrape, resolution_ns=BASIC_RESOLUTION_NS, cluster_nodes=len(nodes))


@cache
def basic_batches() -> list[list[MetricBatch]]:
    return list(processed(basic_scrapes(tick) for tick in BASIC_WINDOWS))


@cache
def nr131_batches() -> list[list[MetricBatch]]:
    [node] = read(NR131 / "nodes.json")["items"]
    return list(
        processed(
            [
                scrape_of(
                    node,
                    (NR131 / f"summary_datagen-1-31_t{window}.json").read_bytes(),
                    pods=read(NR131 / "pods.json")["items"],
                    namespaces=read(NR131 / "namespaces.json")["items"],
                    window_end_ns=time_ns("2025-11-04T19:16:00Z") + window * MINUTE_NS,
                )
            ]
            for window in NR131_WINDOWS
        )
    )


def written(batches: Iterable[MetricBatch], schema: PointSchema) -> Points:
    lines: list[str] = []
    for batch in batches:
        rendered = render(batch, schema)
        assert not rendered.problems
        assert rendered.points == len(rendered.lines)
        lines += rendered.lines
    return points(lines)


def points(lines: Iterable[str]) -> Points:
    found: Points = {}
    for line in lines:
        series, fields, time = line.rsplit(" ", 2)
        for field_and_value in fields.split(","):
            field, value = field_and_value.rsplit("=", 1)
            assert (series, field, time) not in found, "two points of one series and time"
            found[series, field, time] = value
    return found


def is_uptime(point: tuple[str, str, str]) -> bool:
    return point[0].startswith("uptime,")


def same(recorded: str, value: str, *, uptime: bool) -> bool:
    """Whether type and number are the same; of floats, the last digit may differ with the order of summing."""
    if recorded.endswith("i"):
        off = abs(int(recorded[:-1]) - int(value[:-1])) if value.endswith("i") else None
        return off is not None and off <= (UPTIME_OFF_MS if uptime else 0)
    return not value.endswith("i") and isclose(float(recorded), float(value), rel_tol=1e-12)


def assert_same_points(found: Points, recorded: Points) -> None:
    assert found.keys() - recorded.keys() == set(), "series that only this pipeline wrote"
    assert recorded.keys() - found.keys() == set(), "series that only Heapster wrote"
    differing = {
        point: (value, found[point])
        for point, value in recorded.items()
        if not same(value, found[point], uptime=is_uptime(point))
    }
    assert differing == {}


@pytest.mark.parametrize(
    ("recording", "schema", "points_in_windows"),
    [
        pytest.param("k8s", PointSchema(), (1198, 1437, 1437, 1437, 1437), id="default schema"),
        pytest.param("k8s_fields", PointSchema(with_fields=True), (1198, 1437, 1437, 1437, 1437), id="with fields"),
        pytest.param(
            "k8s_rates",
            PointSchema(counters_with_rates=False, cluster_name="prod"),
            (979, 1218, 1218, 1218, 1218),
            id="without the counters that have rates, another cluster name",
        ),
    ],
)
def test_three_nodes_over_five_windows(recording: str, schema: PointSchema, points_in_windows: tuple[int, ...]) -> None:
    with gzip.open(BASIC / "heapster" / "lines" / f"{recording}.lp.gz", "rt") as lines:
        recorded = points(lines.read().splitlines())
    windows = [written(batches, schema) for batches in basic_batches()]
    assert tuple(len(window) for window in windows) == points_in_windows
    assert_same_points({point: value for window in windows for point, value in window.items()}, recorded)


@pytest.mark.parametrize("window", NR131_WINDOWS)
def test_a_kubernetes_1_31_node(window: int) -> None:
    lines = (NR131 / f"expected_t{window}.lp").read_text().splitlines()
    recorded = points(f"{line} -" for line in lines)  # recorded without times, and without uptime
    found = {
        (series, field, "-"): value
        for (series, field, _), value in written(nr131_batches()[window], PointSchema(cluster_name="oracle")).items()
        if not series.startswith("uptime,")
    }
    assert_same_points(found, recorded)


def test_uptime_of_a_kubernetes_1_31_node_is_on_every_entity_with_a_start_time() -> None:
    sets = [metric_set for batch in nr131_batches()[0] for metric_set in batch.sets]
    started = {metric_set.key for metric_set in sets if metric_set.collection_start_ns is not None}
    assert {metric_set.key for metric_set in sets if "uptime" in metric_set.values} == started
    assert len(started) == 37


@pytest.mark.parametrize("tick", BASIC_WINDOWS)
def test_metric_sets_of_three_nodes(tick: int) -> None:
    recorded = read(BASIC / "heapster" / "metricsets" / f"tick-{tick}.json")
    found = {metric_set.key: metric_set for batch in basic_batches()[tick] for metric_set in batch.sets}
    assert found.keys() == recorded.keys()
    for key, expected in recorded.items():
        metric_set = found[key]
        assert metric_set.labels == expected["labels"], key
        assert metric_set.scrape_ns == expected["scraped"], key
        assert metric_set.collection_start_ns == expected["created"], key
        assert_same_values(metric_set, expected)


def assert_same_values(metric_set: MetricSet, recorded: Any) -> None:
    """Compare with six decimals, as recorded; whether a number is a float is tested with the lines above."""
    found = dict(metric_set.values)
    expected = dict(recorded["metrics"])
    assert abs(found.pop("uptime", 0) - expected.pop("uptime", 0)) <= UPTIME_OFF_MS
    assert found == pytest.approx(expected, rel=0, abs=1e-6)
    labeled = [(name, dict(own.labels), value) for own in metric_set.labeled for name, value in own.values.items()]
    in_order = [(each["name"], each["labels"], each["value"]) for each in recorded["labeled"]]
    assert sorted(labeled, key=repr) == sorted(in_order, key=repr)
