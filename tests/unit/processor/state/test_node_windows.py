import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.state.node_windows import KEPT_WINDOWS, REMEMBERED_WINDOWS, Arrival, PartitionState, event_time_ns
from schemas.group_sum import NO_SUMS, GroupSum
from schemas.node_sample import Contribution, NodeSample

R = 60
N1, N2 = "c/n1", "c/n2"


def sample(  # noqa: PLR0913 - the fields that tests vary
    node: str = "n1",
    *,
    window: int,
    offset: int,
    memory: int = 100,
    group: str = "cluster",
    expected: int = 2,
    reached: int | None = None,
) -> NodeSample:
    return NodeSample(
        cluster="c",
        node=node,
        window_end_ns=window * R,
        resolution_ns=R,
        offset=offset,
        contributions=(
            Contribution(
                group=group, sums=(None, None, None, memory, None, None), nodes_expected=expected, namespace_id=""
            ),
        ),
        entities={},
        reached_ns=None if reached is None else reached * R,
    )


def state_of(*samples: NodeSample) -> PartitionState:
    state = PartitionState(3)
    for each in samples:
        state.fold(each)
    return state


def memory(total: GroupSum) -> tuple[int, int | None, int, int]:
    return total.window_end_ns // R, total.sums[3], total.nodes, total.source_offset


def test_the_first_scrape_is_new_and_has_no_previous_window() -> None:
    state = PartitionState(3)
    assert state.arrival(N1, R, R) is Arrival.NEW
    assert state.previous_window(N1, R, R) is None


SECOND, DAY = 1_000_000_000, 24 * 60 * 60 * 1_000_000_000


@pytest.mark.parametrize(
    ("offset_ns", "reached"),
    [
        pytest.param(None, 10 * DAY, id="unknown offset"),
        pytest.param(0, 10 * DAY, id="clocks agree"),
        pytest.param(-5 * SECOND, 10 * DAY, id="the difference is within the tolerance"),
        pytest.param(90 * SECOND, 10 * DAY, id="the scraper is behind"),
        pytest.param(-90 * SECOND, 10 * DAY - 90 * SECOND, id="the scraper is ahead"),
        pytest.param(-1000 * DAY, 9 * DAY, id="the correction is limited to a day"),
    ],
)
def test_event_time_is_corrected_if_the_scrapers_clock_is_ahead(offset_ns: int | None, reached: int) -> None:
    assert event_time_ns(10 * DAY, 10 * DAY + 5 * SECOND, offset_ns) == reached


def test_event_time_of_a_scrape_before_its_windows_end_is_the_time_of_the_scrape() -> None:
    assert event_time_ns(10 * DAY, 8 * DAY, None) == 8 * DAY


def test_a_scraper_whose_clock_is_ahead_makes_no_other_scrape_late() -> None:
    state = state_of(sample(window=1, offset=0), sample(window=1441, offset=1, reached=1))
    assert state.arrival(N1, 2 * R, R) is Arrival.NEW
    assert state.previous_window(N1, 2 * R, R) == R
    assert PartitionState.rebuilt(3, [sample(window=1441, offset=1, reached=1)], 2).arrival(N1, 2 * R, R) is Arrival.NEW


def test_a_second_scrape_of_a_nodes_window_is_a_duplicate() -> None:
    state = state_of(sample(window=1, offset=0))
    assert state.arrival(N1, R, R) is Arrival.DUPLICATE
    assert state.arrival(N2, R, R) is Arrival.NEW


@pytest.mark.parametrize(
    ("windows", "window", "previous"),
    [
        pytest.param([1, 2], 3, 2, id="the window before"),
        pytest.param([1, 2], 4, 2, id="a skipped window does not matter"),
        pytest.param([1, 3], 2, 1, id="never a later one"),
        pytest.param([1], 1 + KEPT_WINDOWS, 1, id="the oldest that a replay reads"),
        pytest.param([1, 2 + KEPT_WINDOWS], 3 + KEPT_WINDOWS, 2 + KEPT_WINDOWS, id="the newest of several"),
    ],
)
def test_the_previous_window_is_the_newest_earlier_one(windows: list[int], window: int, previous: int) -> None:
    state = state_of(*(sample(window=each, offset=offset) for offset, each in enumerate(windows)))
    assert state.previous_window(N1, window * R, R) == previous * R


def test_a_scrape_behind_the_kept_windows_is_late() -> None:
    state = state_of(sample(window=10, offset=0))
    assert state.arrival(N2, (10 - KEPT_WINDOWS) * R, R) is Arrival.LATE
    assert state.arrival(N2, (11 - KEPT_WINDOWS) * R, R) is Arrival.NEW


@pytest.mark.parametrize("others", [[], [1 + KEPT_WINDOWS]], ids=["of the partition", "of the node"])
def test_there_is_no_previous_window_after_a_long_gap(others: list[int]) -> None:
    samples_of_others = [sample("n2", window=window, offset=1 + number) for number, window in enumerate(others)]
    state = state_of(sample(window=1, offset=0), *samples_of_others)
    assert state.previous_window(N1, (2 + KEPT_WINDOWS) * R, R) is None


def test_there_is_no_previous_window_out_of_reach_of_a_shorter_resolution() -> None:
    state = state_of(sample(window=1, offset=0))
    assert state.previous_window(N1, 2 * R, R // 10) is None


@pytest.mark.parametrize(
    ("behind", "arrival"),
    [
        pytest.param(KEPT_WINDOWS - 1, Arrival.DUPLICATE, id="kept"),
        pytest.param(KEPT_WINDOWS, Arrival.DUPLICATE, id="too late to be summed, but still recognized"),
        pytest.param(REMEMBERED_WINDOWS - 1, Arrival.DUPLICATE, id="the oldest that is recognized"),
        pytest.param(REMEMBERED_WINDOWS, Arrival.LATE, id="no longer known"),
    ],
)
def test_how_long_a_duplicate_is_recognized(behind: int, arrival: Arrival) -> None:
    state = state_of(sample(window=100 - behind, offset=0), sample("n2", window=100, offset=1))
    assert state.arrival(N1, (100 - behind) * R, R) is arrival
    state.expire(committed=2)
    assert state.arrival(N1, (100 - behind) * R, R) is arrival


def test_a_changed_total_is_returned_once_per_change() -> None:
    state = state_of(sample(window=1, offset=4, memory=100))
    assert [memory(total) for total in state.changed_totals()] == [(1, 100, 1, 4)]
    assert state.changed_totals() == []
    state.fold(sample("n2", window=1, offset=7, memory=11))
    assert [memory(total) for total in state.changed_totals()] == [(1, 111, 2, 7)]


def test_a_metric_that_no_pod_has_is_absent_from_the_total() -> None:
    (total,) = state_of(sample(window=1, offset=0)).changed_totals()
    assert total.sums == (None, None, None, 100, None, None)
    assert NO_SUMS == (None,) * 6


def test_the_expected_nodes_are_those_of_the_last_scrape() -> None:
    state = state_of(sample(window=1, offset=0, expected=5), sample("n2", window=1, offset=1, expected=4))
    assert [total.nodes_expected for total in state.changed_totals()] == [4]


def test_a_rebuilt_state_ignores_samples_of_later_records() -> None:
    kept = [sample(window=1, offset=0), sample(window=2, offset=2), sample("n2", window=2, offset=5)]
    state = PartitionState.rebuilt(3, kept, position=2)
    assert state.position == 2
    assert state.watermark_ns == R
    assert state.arrival(N1, 2 * R, R) is Arrival.NEW
    assert state.changed_totals() == []


def test_windows_expire_when_a_committed_record_has_left_them_behind() -> None:
    state = state_of(sample(window=1, offset=0), sample(window=1 + 2 * KEPT_WINDOWS, offset=1))
    assert state.expire(committed=1) == []
    assert state.expire(committed=2) == [(N1, R)]
    assert [memory(total)[0] for total in state.changed_totals()] == [1 + 2 * KEPT_WINDOWS]


def test_an_expired_window_stays_late() -> None:
    state = state_of(sample(window=1, offset=0), sample(window=1 + 2 * KEPT_WINDOWS, offset=1))
    assert state.expire(committed=2) == [(N1, R)]
    assert state.arrival(N1, R, R) is Arrival.LATE


def test_progress_has_position_and_watermark() -> None:
    state = state_of(sample(window=2, offset=0), sample(window=1, offset=8))
    progress = state.progress(idle=True)
    assert (progress.source_partition, progress.position, progress.watermark_ns, progress.idle) == (3, 9, 2 * R, True)


records = st.lists(st.tuples(st.sampled_from(["n1", "n2", "n3"]), st.integers(1, 12), st.integers(0, 50)), max_size=40)


def _replay(state: PartitionState, found: list[tuple[str, int, int]], start: int) -> list[NodeSample]:
    """Process the records from `start` on as a worker does; returns the rows that it writes to the table."""
    rows = []
    for offset, (node, window, used) in list(enumerate(found))[start:]:
        if state.arrival(f"c/{node}", window * R, R) is Arrival.NEW:
            row = sample(node, window=window, offset=offset, memory=used)
            state.fold(row)
            rows.append(row)
        state.advance(offset)
    return rows


@given(records, st.data())
def test_a_worker_that_takes_over_at_any_offset_has_the_same_results(
    found: list[tuple[str, int, int]], data: st.DataObject
) -> None:
    undisturbed = PartitionState(3)
    rows = _replay(undisturbed, found, 0)
    committed = data.draw(st.integers(0, len(found)))
    taken_over = PartitionState.rebuilt(3, rows, committed)
    again = _replay(taken_over, found, committed)
    assert again == [row for row in rows if row.offset >= committed]
    latest = {(t.group, t.window_end_ns): t for t in undisturbed.changed_totals()}
    for total in taken_over.changed_totals():
        assert latest[total.group, total.window_end_ns] == total


@given(records)
def test_every_total_is_the_sum_over_the_first_scrape_of_each_node(found: list[tuple[str, int, int]]) -> None:
    state = PartitionState(3)
    rows = _replay(state, found, 0)
    for total in state.changed_totals():
        of_window = [row for row in rows if row.window_end_ns == total.window_end_ns]
        assert total.nodes == len({row.node for row in of_window}) == len(of_window)
        assert total.sums[3] == sum(row.contributions[0].sums[3] or 0 for row in of_window)
