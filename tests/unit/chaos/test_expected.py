from collections.abc import Iterable
from dataclasses import replace

import pytest

from chaos.expected import Records, expected
from schemas.metric_batch import MetricBatch
from schemas.node_scrape import NodeScrape, encode_scrape
from tests.scrapes import MINUTE_NS, processed, summary_scrape, time_ns

START_NS = time_ns("2017-08-13T10:51:00Z")


def scrape(node: str, window: int) -> NodeScrape:
    used = {"time": "2017-08-13T10:51:00Z", "usageCoreNanoSeconds": window * 6_000_000_000}
    memory = {"time": "2017-08-13T10:51:00Z", "usageBytes": 1000 + window}
    document = {"node": {"nodeName": node, "startTime": "2017-08-13T10:00:00Z", "cpu": used, "memory": memory}}
    end_ns = START_NS + window * MINUTE_NS
    return summary_scrape(document, node=node, window_end_ns=end_ns, scraped_at_ns=end_ns + 5_000_000_000)


def in_partitions(*partitions: Iterable[NodeScrape | bytes]) -> Records:
    return {
        number: [
            (offset, each if isinstance(each, bytes) else encode_scrape(each)) for offset, each in enumerate(records)
        ]
        for number, records in enumerate(partitions)
    }


def values(batches: Iterable[MetricBatch]) -> dict[tuple[str, int], object]:
    return {(batch.key, batch.window_end_ns): batch.sets for batch in batches}


WINDOWS = [[scrape("a", number), scrape("b", number)] for number in range(4)]
A, B = ([window[at] for window in WINDOWS] for at in (0, 1))
SECOND_OF_ONE_WINDOW = replace(A[1], document=b"{}", scraped_at_ns=A[1].scraped_at_ns + 1)


@pytest.mark.parametrize(
    "records",
    [
        pytest.param(in_partitions(A, B), id="as they come"),
        pytest.param(in_partitions([*A, *A], B), id="all of a partition twice"),
        pytest.param(in_partitions([A[0], A[1], SECOND_OF_ONE_WINDOW, *A[2:]], B), id="a window scraped twice"),
        pytest.param(in_partitions([A[0], b"poison", *A[1:]], B), id="poison in between"),
        pytest.param(in_partitions([A[0], replace(A[0], node="c", document=None), *A[1:]], B), id="a failed scrape"),
    ],
)
def test_what_disturbs_a_run_leaves_what_is_expected_as_it_is(records: Records) -> None:
    assert values(expected(records)) == values(batch for window in processed(WINDOWS) for batch in window)
