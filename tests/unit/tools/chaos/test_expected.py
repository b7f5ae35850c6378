from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from schemas.metric_batch import MetricBatch
from schemas.node_scrape import NodeScrape, encode_scrape
from tests.scrapes import MINUTE_NS, processed, summary_scrape, time_ns
from tools.chaos.expected import Records, expected

START_NS = time_ns("2017-08-13T10:51:00Z")
CAPACITY = {"cpu": "4", "memory": "8Gi"}


def scrape(node: str, window: int, *, document: object = None) -> NodeScrape:
    """Each minute a node has used 10 % more CPU than the one before."""
    end_ns = START_NS + window * MINUTE_NS
    sampled = datetime.fromtimestamp(end_ns // 1_000_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    used = {"time": sampled, "usageCoreNanoSeconds": 3_000_000_000 * window * (window + 1)}
    memory = {"time": sampled, "usageBytes": 1000 + window}
    usual = {"node": {"nodeName": node, "startTime": "2017-08-13T10:00:00Z", "cpu": used, "memory": memory}}
    return summary_scrape(
        document or usual,
        node=node,
        window_end_ns=end_ns,
        scraped_at_ns=end_ns + 5_000_000_000,
        capacity=CAPACITY,
        allocatable=CAPACITY,
    )


def in_partitions(*partitions: Iterable[NodeScrape | bytes]) -> Records:
    return {
        number: [each if isinstance(each, bytes) else encode_scrape(each) for each in records]
        for number, records in enumerate(partitions)
    }


def values(batches: Iterable[MetricBatch]) -> dict[tuple[str, int], object]:
    return {(batch.key, batch.window_end_ns): batch.sets for batch in batches}


def of_node(records: Records, name: str) -> dict[int, object]:
    """By window a metric of the one node in these records."""
    return {
        (batch.window_end_ns - START_NS) // MINUTE_NS: batch.sets[0].values.get(name)
        for batch in expected(records)
        if batch.sets[0].type == "node"
    }


WINDOWS = [[scrape("a", number), scrape("b", number)] for number in range(12)]
A, B = ([window[at] for window in WINDOWS] for at in (0, 1))
ANOTHER = [scrape("a", number, document={"node": {"nodeName": "a"}}) for number in range(12)]
FAILED = [replace(each, document=None, error="HTTP 500") for each in A]


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(in_partitions(A, B), id="as they come"),
        pytest.param(in_partitions([*A, *A], B), id="all of a partition twice"),
        pytest.param(in_partitions([*A, *ANOTHER], B), id="all of a partition twice, with other values"),
        pytest.param(in_partitions([A[0], A[1], ANOTHER[1], *A[2:]], B), id="a window scraped twice"),
        pytest.param(in_partitions([A[0], b"poison", *A[1:]], B), id="poison in between"),
        pytest.param(in_partitions([A[0], FAILED[1], *A[1:], FAILED[2]], B), id="failed scrapes beside those answered"),
    ],
)
def test_what_disturbs_a_run_leaves_what_is_expected_as_it_is(records: Records) -> None:
    undisturbed = values(batch for window in processed(WINDOWS) for batch in window)
    assert values(expected(records)) == undisturbed
    assert len(undisturbed) == 3 * len(WINDOWS)


def test_rates_are_expected_and_differ_from_window_to_window() -> None:
    rates = of_node(in_partitions(A), "cpu/usage_rate")
    assert rates == {0: None} | {number: 100 * number for number in range(1, 12)}


def test_a_window_behind_a_newer_one_has_the_rate_since_the_one_before_it_and_the_newer_one_since_that_too() -> None:
    rates = of_node(in_partitions([A[0], A[1], A[3], A[2], A[4]]), "cpu/usage_rate")
    assert rates == {0: None, 1: 100, 3: 250, 2: 200, 4: 400}


def test_a_window_that_is_late_has_no_rate_and_is_in_no_sum() -> None:
    records = in_partitions([A[0], *A[2:8], A[1]])
    assert of_node(records, "cpu/usage_rate")[1] is None
    assert of_node(records, "memory/usage")[1] == 1001
    assert {end for key, end in values(expected(records)) if key == "default/cluster"} == {
        each.window_end_ns for each in (A[0], *A[2:8])
    }


def test_after_a_gap_of_more_windows_than_are_kept_there_is_no_rate() -> None:
    assert of_node(in_partitions([A[0], A[5], A[11]]), "cpu/usage_rate") == {0: None, 5: 300, 11: None}
