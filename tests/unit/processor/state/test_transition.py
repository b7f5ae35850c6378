from dataclasses import replace

import pytest

from processor.core.labels import LabelRules
from processor.state.node_windows import Arrival, PartitionState
from processor.state.transition import failed_transition, transition
from schemas.metric_batch import Version
from schemas.node_sample import NodeSample
from schemas.node_scrape import NodeScrape
from tests.scrapes import MINUTE_NS, summary_scrape

ANSWERED = summary_scrape({"node": {"nodeName": "n1"}}, labels={"zone": "a"})
FAILED = replace(ANSWERED, document=None, error="connection refused", duration_ns=3_000_000_000)


def no_samples(node: str, window_end_ns: int) -> NodeSample:
    raise AssertionError(node, window_end_ns)


def process_successful(state: PartitionState, offset: int) -> None:
    found = transition(ANSWERED, offset, state, no_samples, LabelRules())
    assert found.arrival is Arrival.NEW
    assert found.sample is not None
    state.fold(found.sample)


def test_a_failed_scrape_has_only_the_metrics_about_the_scrape() -> None:
    found = failed_transition(FAILED, 7, PartitionState(0), LabelRules())
    assert (found.arrival, found.sample) == (Arrival.NEW, None)
    assert found.batch is not None
    assert (found.batch.entity, found.batch.version) == ("n1", Version(nodes=1, offsets=7))
    [node] = found.batch.sets
    assert node.values == {"scrape/up": 0, "scrape/duration": 3.0}
    assert node.labels == {
        "type": "node",
        "nodename": "n1",
        "hostname": "h1",
        "host_id": "i-1",
        "labels": "zone:a",
    }


def test_a_failed_scrape_after_a_successful_one_has_no_batch() -> None:
    state = PartitionState(0)
    process_successful(state, 3)
    assert failed_transition(FAILED, 4, state, LabelRules()).batch is None


def test_a_successful_scrape_after_a_failed_one_is_new() -> None:
    state = PartitionState(0)
    assert failed_transition(FAILED, 3, state, LabelRules()).batch is not None
    state.advance(3)
    process_successful(state, 4)


def late(scrape: NodeScrape, windows_behind: int) -> NodeScrape:
    return replace(scrape, window_end_ns=scrape.window_end_ns - windows_behind * MINUTE_NS)


def test_a_late_failed_scrape_has_no_batch() -> None:
    state = PartitionState(0)
    process_successful(state, 3)
    found = failed_transition(late(FAILED, 5), 4, state, LabelRules())
    assert (found.arrival, found.batch) == (Arrival.LATE, None)


@pytest.mark.parametrize("windows_behind", [5, 50])
def test_a_late_scrape_has_a_batch_without_cpu_utilization(windows_behind: int) -> None:
    state = PartitionState(0)
    process_successful(state, 3)
    used = {"node": {"nodeName": "n1", "memory": {"usageBytes": 500}}}
    scrape = summary_scrape(used, allocatable={"cpu": "2", "memory": "1000"})
    found = transition(late(scrape, windows_behind), 4, state, no_samples, LabelRules())
    assert (found.arrival, found.sample) == (Arrival.LATE, None)
    assert found.batch is not None
    [node] = found.batch.sets
    assert node.values["memory/node_utilization"] == 0.5
    assert "cpu/node_utilization" not in node.values
    first = transition(scrape, 4, PartitionState(0), no_samples, LabelRules())
    assert first.batch is not None
    assert first.batch.sets[0].values["cpu/node_utilization"] == 0.0
