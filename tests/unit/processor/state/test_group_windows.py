import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.state.group_windows import KEPT_AT_LEAST_NS, LONGEST_WAIT_S, QUIET_S, GroupWindows
from schemas.group_sum import GroupSum, SourceProgress

R = 60_000_000_000
SLOT = ("c", "cluster", R)
SOURCES = 2


def total(*, source: int = 0, offset: int = 0, window: int = 1, memory: int = 1, expected: int = 9) -> GroupSum:
    return GroupSum(
        cluster="c",
        group="cluster",
        window_end_ns=window * R,
        resolution_ns=R,
        source_partition=source,
        source_offset=offset,
        sums=(None, None, None, memory, None, None),
        nodes=1,
        nodes_expected=expected,
    )


def progress(source: int, window: int | None, *, idle: bool = False, position: int = 1) -> SourceProgress:
    watermark_ns = None if window is None else window * R
    return SourceProgress(source_partition=source, position=position, watermark_ns=watermark_ns, idle=idle)


def windows_of(*totals: GroupSum, at_s: float = 0.0) -> GroupWindows:
    windows = GroupWindows(SOURCES)
    for each in totals:
        windows.fold(each, at_s)
    return windows


def test_a_batch_is_due_when_its_totals_have_been_quiet() -> None:
    windows = windows_of(total())
    assert windows.due(QUIET_S - 0.1) == []
    assert windows.due(QUIET_S) == [SLOT]
    assert windows.due(QUIET_S) == []


def test_a_batch_that_has_all_its_nodes_is_due_at_once() -> None:
    windows = windows_of(total(source=0, expected=2), at_s=1.0)
    assert windows.due(1.0) == []
    windows.fold(total(source=1, expected=2), 2.0)
    assert windows.due(2.0) == [SLOT]


def test_where_more_nodes_come_than_were_expected_not_each_has_its_batch() -> None:
    windows = windows_of(total(source=0, expected=1), at_s=1.0)
    assert windows.due(1.0) == [SLOT]
    windows.fold(total(source=1, expected=1), 2.0)
    assert windows.due(2.0) == []
    assert windows.due(2.0 + QUIET_S) == [SLOT]


def test_a_node_that_only_a_later_record_knew_of_is_waited_for() -> None:
    windows = windows_of(total(source=0, expected=1), total(source=1, expected=3), at_s=1.0)
    assert windows.due(1.0) == []


def test_a_batch_that_keeps_changing_is_due_now_and_then_all_the_same() -> None:
    windows = windows_of()
    for second in range(int(LONGEST_WAIT_S) + 1):
        windows.fold(total(offset=second), float(second))
    assert windows.due(LONGEST_WAIT_S) == [SLOT]


def test_a_total_that_changes_later_has_the_batch_written_again() -> None:
    windows = windows_of(total())
    windows.due(QUIET_S)
    windows.fold(total(offset=5, memory=7), 100.0)
    assert windows.due(100.0 + QUIET_S) == [SLOT]
    assert windows.totals(SLOT) == (total(offset=5, memory=7),)


def test_totals_of_all_source_partitions_stand_side_by_side() -> None:
    assert windows_of(total(source=1), total(source=0)).totals(SLOT) == (total(source=0), total(source=1))


@pytest.mark.parametrize(("offset", "newer"), [(4, False), (5, False), (6, True)])
def test_only_a_greater_offset_is_news(offset: int, newer: bool) -> None:  # noqa: FBT001 - a table of cases
    assert windows_of(total(offset=5)).newer(total(offset=offset)) is newer


def test_what_was_taken_over_is_written_once_more_one_session_later_and_not_before() -> None:
    windows = GroupWindows(SOURCES)
    windows.restore([total()], write_again_at_s=10.0)
    windows.fold(total(offset=1, expected=1), 9.5)  # whole; but whoever had it may still write less until then
    assert windows.due(9.9) == []
    assert windows.due(9.9, everything=True) == []
    assert windows.due(10.0) == [SLOT]
    assert windows.due(99.0) == []


FAR = 1 + KEPT_AT_LEAST_NS // R


@pytest.mark.parametrize(
    ("reports", "gone"),
    [
        pytest.param([progress(0, FAR)], 0, id="one partition has not reported yet"),
        pytest.param([progress(0, FAR), progress(1, FAR - 1)], 0, id="one partition is not there yet"),
        pytest.param([progress(0, FAR), progress(1, None)], 0, id="one partition has not begun"),
        pytest.param([progress(0, FAR), progress(1, FAR)], 1, id="all have left it behind"),
        pytest.param([progress(0, FAR), progress(1, None, idle=True)], 1, id="an idle one holds nothing back"),
        pytest.param([progress(0, FAR, idle=True), progress(1, 1, idle=True)], 1, id="all are idle"),
    ],
)
def test_a_window_goes_once_every_source_has_left_it_behind(reports: list[SourceProgress], gone: int) -> None:
    windows = windows_of(total(window=1), total(window=FAR))
    windows.due(QUIET_S)
    for offset, report in enumerate(reports):
        windows.progressed(report, offset)
    assert windows.expire(committed=len(reports)) == [total(window=1)] * gone
    assert windows.expired(total(window=1)) is bool(gone)
    assert not windows.expired(total(window=FAR))


def test_a_window_whose_batch_is_not_written_yet_stays() -> None:
    windows = windows_of(total(window=1))
    for source in range(SOURCES):
        windows.progressed(progress(source, FAR), source)
    assert windows.expire(committed=SOURCES) == []


def test_a_window_stays_while_what_left_it_behind_may_be_delivered_again() -> None:
    windows = windows_of(total(window=1))
    windows.due(QUIET_S)
    windows.progressed(progress(0, FAR), 7)
    windows.progressed(progress(1, FAR), 8)
    assert [windows.expire(committed) for committed in (0, 7, 8)] == [[], [], []]
    assert windows.expire(committed=9) == [total(window=1)]


def test_a_report_that_was_overtaken_says_nothing() -> None:
    windows = windows_of(total(window=1))
    windows.due(QUIET_S)
    windows.progressed(progress(0, FAR), 0)
    windows.progressed(progress(1, 1, position=9), 1)
    windows.progressed(progress(1, FAR, position=3), 2)
    assert windows.expire(committed=3) == []


@given(
    st.permutations([total(source=source, offset=offset, memory=offset) for source in (0, 1) for offset in range(4)])
)
def test_the_order_of_arrival_makes_no_difference(arriving: list[GroupSum]) -> None:
    windows = GroupWindows(SOURCES)
    for each in arriving:
        if windows.newer(each):
            windows.fold(each, 0.0)
    assert windows.totals(SLOT) == (total(source=0, offset=3, memory=3), total(source=1, offset=3, memory=3))
