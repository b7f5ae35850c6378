import pytest

from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version
from writer.lines.render_text import render_text

SECOND = 1_000_000_000
POD = MetricSet(
    key="namespace:default/pod:web-1",
    type="pod",
    labels={"labels": "app:web"},
    values={"cpu/usage_rate": 279},
    labeled=(LabeledValues({"resource_id": "Volume:data"}, {"filesystem/usage": 1048576}),),
    collection_start_ns=1501545600 * SECOND,
    scrape_ns=1502621458 * SECOND,
)
EXAMPLE = """\
DataBatch     Timestamp: 2017-08-13 10:51:00 +0000 UTC

MetricSet: namespace:default/pod:web-1
   Scrape time: 2017-08-13 10:50:58 +0000 UTC 1502621458000000000
   Create time: 2017-08-01 00:00:00 +0000 UTC 1501545600000000000
   Labels:
      labels = app:web
   Metrics:
      cpu/usage_rate = 279
   Labeled Metrics:
      filesystem/usage = 1048576
         resource_id = Volume:data
"""


def batch(*sets: MetricSet) -> MetricBatch:
    return MetricBatch(
        cluster="default",
        entity="n1",
        window_end_ns=1502621460 * SECOND,
        resolution_ns=60 * SECOND,
        sets=sets,
        version=Version(1, 0),
    )


def test_a_batch_renders_as_heapster_logged_it() -> None:
    assert render_text(batch(POD)) == EXAMPLE


def test_sets_are_sorted_by_key_and_labels_and_metrics_by_name() -> None:
    node = MetricSet(
        key="a",
        type="node",
        labels={"type": "node", "nodename": "n1"},
        values={"uptime": 5, "cpu/node_capacity": 4000.0},
        labeled=(
            LabeledValues({"resource_id": "logs"}, {"filesystem/usage": 2, "filesystem/limit": 4}),
            LabeledValues({"resource_id": "/"}, {"filesystem/usage": 1}),
        ),
    )
    lines = render_text(batch(POD, node)).splitlines()
    assert lines[2:19] == [
        "MetricSet: a",
        "   Scrape time: 0001-01-01 00:00:00 +0000 UTC -6795364578871345152",
        "   Create time: 0001-01-01 00:00:00 +0000 UTC -6795364578871345152",
        "   Labels:",
        "      nodename = n1",
        "      type = node",
        "   Metrics:",
        "      cpu/node_capacity = 4000.000000",
        "      uptime = 5",
        "   Labeled Metrics:",
        "      filesystem/limit = 4",
        "         resource_id = logs",
        "      filesystem/usage = 1",
        "         resource_id = /",
        "      filesystem/usage = 2",
        "         resource_id = logs",
        "",
    ]


@pytest.mark.parametrize(
    ("scrape_ns", "expected"),
    [
        (1502621458_500_000_000, "2017-08-13 10:50:58.5 +0000 UTC 1502621458500000000"),
        (1, "1970-01-01 00:00:00.000000001 +0000 UTC 1"),
    ],
)
def test_fractions_of_seconds_are_shown_if_not_zero(scrape_ns: int, expected: str) -> None:
    only = MetricSet(key="a", type="cluster", labels={}, scrape_ns=scrape_ns)
    assert render_text(batch(only)).splitlines()[3] == f"   Scrape time: {expected}"
