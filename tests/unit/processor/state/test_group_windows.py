import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.state.group_windows import MAX_WAIT_S, MIN_KEPT_NS, QUIET_S, GroupWindows
from schemas.group_sum import GroupSum, SourceProgress

R = 60_000_000_000
WINDOW = ("c", "cluster", R)
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


def test_a_batch_is_due_when_its_totals_are_quiet() -> None:
    windows = windows_of(total())
    assert windows.due(QUIET_S - 0.1) == []
    assert windows.due(QUIET_S) == [WINDOW]
    assert windows.due(QUIET_S) == []


def test_a_complete_batch_is_due_at_once() -> None:
    windows = windows_of(total(source=0, expected=2), at_s=1.0)
    assert windows.due(1.0) == []
    windows.fold(total(source=1, expected=2), 2.0)
    assert windows.due(2.0) == [WINDOW]


def test_nodes_beyond_the_expected_number_do_not_each_make_a_batch_due() -> None:
    windows = windows_of(total(source=0, expected=1), at_s=1.0)
    assert windows.due(1.0) == [WINDOW]
    windows.fold(total(source=1, expected=1), 2.0)
    assert windows.due(2.0) == []
    assert windows.due(2.0 + QUIET_S) == [WINDOW]


def test_a_batch_waits_for_nodes_that_only_one_total_expects() -> None:
    windows = windows_of(total(source=0, expected=1), total(source=1, expected=3), at_s=1.0)
    assert windows.due(1.0) == []


def test_a_batch_that_keeps_changing_is_due_after_the_maximum_wait() -> None:
    windows = windows_of()
    for second in range(int(MAX_WAIT_S) + 1):
        windows.fold(total(offset=second), float(second))
    assert windows.due(MAX_WAIT_S) == [WINDOW]


def test_a_later_change_of_a_total_makes_the_batch_due_again() -> None:
    windows = windows_of(total())
    windows.due(QUIET_S)
    windows.fold(total(offset=5, memory=7), 100.0)
    assert windows.due(100.0 + QUIET_S) == [WINDOW]
    assert windows.totals(WINDOW) == (total(offset=5, memory=7),)


def test_totals_of_all_source_partitions_are_kept_in_order() -> None:
    assert windows_of(total(source=1), total(source=0)).totals(WINDOW) == (total(source=0), total(source=1))


@pytest.mark.parametrize(("offset", "expected"), [(4, False), (5, False), (6, True)])
def test_only_a_total_with_a_greater_offset_is_newer(offset: int, expected: bool) -> None:  # noqa: FBT001 - a table of cases
    assert windows_of(total(offset=5)).is_newer(total(offset=offset)) is expected


def test_restored_batches_are_due_once_at_the_given_time_and_not_before() -> None:
    windows = GroupWindows(SOURCES)
    windows.restore([total()], write_again_at_s=10.0)
    windows.fold(
        total(offset=1, expected=1), 9.5
    )  # complete, but the previous worker may still write an incomplete batch until then
    assert windows.due(9.9) == []
    assert windows.due(9.9, force=True) == []
    assert windows.due(10.0) == [WINDOW]
    assert windows.due(99.0) == []


FAR = 1 + MIN_KEPT_NS // R


@pytest.mark.parametrize(
    ("reports", "expired"),
    [
        pytest.param([progress(0, FAR)], 0, id="one partition has not reported yet"),
        pytest.param([progress(0, FAR), progress(1, FAR - 1)], 0, id="one partition has not reached it yet"),
        pytest.param([progress(0, FAR), progress(1, None)], 0, id="one partition has no watermark yet"),
        pytest.param([progress(0, FAR), progress(1, FAR)], 1, id="all have left it behind"),
        pytest.param([progress(0, FAR), progress(1, None, idle=True)], 1, id="an idle partition does not block"),
        pytest.param([progress(0, FAR, idle=True), progress(1, 1, idle=True)], 1, id="all are idle"),
    ],
)
def test_a_window_expires_when_every_source_partition_has_left_it_behind(
    reports: list[SourceProgress], expired: int
) -> None:
    windows = windows_of(total(window=1), total(window=FAR))
    windows.due(QUIET_S)
    for offset, report in enumerate(reports):
        windows.add_progress(report, offset)
    assert windows.expire(committed=len(reports)) == [total(window=1)] * expired
    assert windows.is_expired(total(window=1)) is bool(expired)
    assert not windows.is_expired(total(window=FAR))


def test_a_window_with_a_pending_batch_does_not_expire() -> None:
    windows = windows_of(total(window=1))
    for source in range(SOURCES):
        windows.add_progress(progress(source, FAR), source)
    assert windows.expire(committed=SOURCES) == []


def test_uncommitted_progress_does_not_expire_a_window() -> None:
    windows = windows_of(total(window=1))
    windows.due(QUIET_S)
    windows.add_progress(progress(0, FAR), 7)
    windows.add_progress(progress(1, FAR), 8)
    assert [windows.expire(committed) for committed in (0, 7, 8)] == [[], [], []]
    assert windows.expire(committed=9) == [total(window=1)]


def test_progress_with_a_lower_position_is_ignored() -> None:
    windows = windows_of(total(window=1))
    windows.due(QUIET_S)
    windows.add_progress(progress(0, FAR), 0)
    windows.add_progress(progress(1, 1, position=9), 1)
    windows.add_progress(progress(1, FAR, position=3), 2)
    assert windows.expire(committed=3) == []


@given(
    st.permutations([total(source=source, offset=offset, memory=offset) for source in (0, 1) for offset in range(4)])
)
def test_the_order_of_arrival_does_not_matter(arriving: list[GroupSum]) -> None:
    windows = GroupWindows(SOURCES)
    for each in arriving:
        if windows.is_newer(each):
            windows.fold(each, 0.0)
    assert windows.totals(WINDOW) == (total(source=0, offset=3, memory=3), total(source=1, offset=3, memory=3))
