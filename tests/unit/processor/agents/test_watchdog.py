from collections.abc import Mapping

import pytest

from processor.agents.watchdog import CHECK_INTERVAL_S, MAX_REBALANCE_S, STALLED_AFTER_S, TopicPartition, Watchdog

A, B = ("kubelet-stats", 0), ("group-sums", 1)
Positions = Mapping[TopicPartition, tuple[int, int]]


def check(watchdog: Watchdog, positions: Positions | None, begin_s: float, end_s: float) -> str:
    """The last result of regular checks over this time; None: a rebalance is under way."""
    now_s, stall = begin_s, ""
    while now_s <= end_s:
        stall = watchdog.check_rebalance(now_s) if positions is None else watchdog.check_positions(positions, now_s)
        now_s += CHECK_INTERVAL_S
    return stall


WAITING = "records are waiting but not read for 60 s: "


@pytest.mark.parametrize(
    ("positions", "stall"),
    [
        pytest.param({A: (5, 9)}, f"{WAITING}kubelet-stats/0", id="one partition with waiting records"),
        pytest.param({A: (5, 9), B: (1, 2)}, f"{WAITING}group-sums/1, kubelet-stats/0", id="two partitions"),
        pytest.param({A: (9, 9)}, "", id="read to its end"),
        pytest.param({}, "", id="no partition"),
    ],
)
def test_a_partition_that_does_not_advance_for_a_minute_has_stalled(positions: Positions, stall: str) -> None:
    assert check(Watchdog(), positions, 0, STALLED_AFTER_S - 1) == ""
    assert check(Watchdog(), positions, 0, STALLED_AFTER_S) == stall


def test_a_partition_that_advances_has_not_stalled() -> None:
    watchdog = Watchdog()
    check(watchdog, {A: (5, 9)}, 0, 50)
    check(watchdog, {A: (6, 9)}, 55, 100)
    assert check(watchdog, {A: (7, 9)}, 105, 160) == ""


def test_the_measurement_of_a_reassigned_partition_starts_again() -> None:
    watchdog = Watchdog()
    check(watchdog, {A: (5, 9)}, 0, 50)
    check(watchdog, {}, 55, 55)
    assert check(watchdog, {A: (5, 9)}, 60, 110) == ""


def test_a_rebalance_may_take_minutes_but_must_end() -> None:
    watchdog = Watchdog()
    check(watchdog, {A: (5, 9)}, 0, 50)
    assert check(watchdog, None, 55, MAX_REBALANCE_S) == ""
    assert "has not ended for 600 s" in check(watchdog, None, MAX_REBALANCE_S + 5, MAX_REBALANCE_S + 60)


def test_all_measurements_start_again_after_the_process_was_suspended() -> None:
    watchdog = Watchdog()
    check(watchdog, {A: (5, 9)}, 0, 30)
    assert watchdog.check_positions({A: (5, 9)}, 3000.0) == ""
    check(watchdog, None, 3005, 3010)
    assert watchdog.check_rebalance(9000.0) == ""
