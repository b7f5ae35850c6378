"""Statements of the historical API, and what its parameters may be."""

import pytest

from api.heapster.buckets import buckets_document
from api.heapster.influxql import (
    Dialect,
    InvalidNameError,
    Range,
    Subject,
    measurement_of,
    parse_bucket_ns,
    parse_functions,
)

S = 1_000_000_000
WITHIN = Range(1_502_621_400 * S, 1_502_621_460 * S + 1)
POD = Subject("pod", {"namespace_name": "default", "pod_name": "web-1"}, "(pod)ns:default/pod:web-1")
PLAIN, FIELDS = Dialect(with_fields=False, cluster_name="prod"), Dialect(with_fields=True, cluster_name="")
TAGS = "\"type\" = 'pod' AND \"namespace_name\" = 'default' AND \"pod_name\" = 'web-1'"
TIME = "time > '2017-08-13T10:50:00Z' AND time < '2017-08-13T10:51:00Z'"
UNLABELED = "\"resource_id\" = '' AND \"accelerator_id\" = ''"


def test_a_series_in_either_schema() -> None:
    assert PLAIN.series(POD, "cpu/usage_rate", (), WITHIN) == (
        f'SELECT "value" FROM "cpu/usage_rate" WHERE {TAGS} AND "cluster_name" = \'prod\' AND {UNLABELED} AND {TIME}'
    )
    assert FIELDS.series(POD, "filesystem/usage", (("resource_id", "/"),), WITHIN) == (
        f'SELECT "usage" FROM "filesystem" WHERE {TAGS} AND "resource_id" = \'/\' AND {TIME}'
    )
    assert FIELDS.field("uptime") == ("uptime", "value")
    assert FIELDS.field("custom/a/b") == ("custom", "a/b")


def test_aggregations() -> None:
    assert FIELDS.aggregated(POD, "cpu/limit", (), WITHIN, ("average", "95-perc", "count"), 300 * S) == (
        'SELECT MEAN("limit"), PERCENTILE("limit", 95), COUNT("limit") FROM "cpu"'
        f" WHERE {TAGS} AND {UNLABELED} AND {TIME} GROUP BY time(300000000u) fill(none)"
    )
    assert "GROUP BY" not in PLAIN.aggregated(POD, "cpu/limit", (), WITHIN, ("max",), 0)


@pytest.mark.parametrize("name", ["", "a'b", "a b", "a/b", 'a"', "a;b", "ä", "a\n"])
def test_names_that_nothing_has(name: str) -> None:
    with pytest.raises(InvalidNameError):
        Subject("node", {"nodename": name}, "")


@pytest.mark.parametrize("metric", ["", 'cpu"', "cpu usage", "cpu;", "cpu/usage\n"])
def test_metrics_that_there_cannot_be(metric: str) -> None:
    with pytest.raises(InvalidNameError):
        PLAIN.series(POD, metric, (), WITHIN)


@pytest.mark.parametrize(
    ("label", "accepted"),
    [
        (("resource_id", "Volume:data"), True),
        (("a/b:c", r"C:\dir"), True),
        (("a b", "c"), False),
        (("a", "it's"), False),
        (("a", '"'), False),
        (("a", "\n"), False),
    ],
)
def test_labels(label: tuple[str, str], *, accepted: bool) -> None:
    if accepted:
        assert label[1].replace("\\", "\\\\") in PLAIN.series(POD, "filesystem/usage", (label,), WITHIN)
    else:
        with pytest.raises(InvalidNameError):
            PLAIN.series(POD, "filesystem/usage", (label,), WITHIN)


@pytest.mark.parametrize(
    ("text", "size_ns"),
    [(None, 0), ("5ms", 5_000_000), ("10s", 10 * S), ("15m", 900 * S), ("20h", 72_000 * S), ("25d", 2_160_000 * S)],
)
def test_buckets(text: str | None, size_ns: int) -> None:
    assert parse_bucket_ns(text) == size_ns


@pytest.mark.parametrize("text", ["1", "1g", "10gs", "abch", "0s", "-1s", "1.5h", "1s ", "99999999999d", "1\u0663s"])
def test_bad_buckets(text: str) -> None:
    with pytest.raises(ValueError, match="bucket size"):
        parse_bucket_ns(text)


def test_the_measurement_in_the_key_of_a_series() -> None:
    assert measurement_of("cpu/usage_rate,type=pod,labels=a\\,b") == "cpu/usage_rate"
    assert measurement_of(r"a\,b\ c,type=pod") == "a,b c"
    assert measurement_of("alone") == "alone"


def test_functions() -> None:
    assert parse_functions("max,average,max") == ("max", "average")
    for bad in ("most", "", "max,", "MAX"):
        with pytest.raises(ValueError, match="Unknown aggregation"):
            parse_functions(bad)


def test_a_column_is_ints_if_all_its_numbers_are_whole() -> None:
    rows = [[60 * S, 3, 12.5, None, 7], [120 * S, 1, 12, 4, None]]
    assert buckets_document(rows, ("count", "average", "95-perc", "max"), 60 * S, 0) == {
        "buckets": [
            {
                "timestamp": "1970-01-01T00:01:00Z",
                "count": 3,
                "average": {"floatValue": 12.5},
                "maximum": {"intValue": 7},
            },
            {
                "timestamp": "1970-01-01T00:02:00Z",
                "count": 1,
                "average": {"floatValue": 12.0},
                "percentiles": {"95": {"intValue": 4}},
            },
        ],
        "bucketSize": 60 * S,
    }
