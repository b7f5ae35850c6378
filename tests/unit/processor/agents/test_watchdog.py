from collections.abc import Mapping

import pytest

from processor.agents.watchdog import LOOK_EVERY_S, STALLED_AFTER_S, UNSETTLED_AFTER_S, TopicPartition, Watchdog

A, B = ("kubelet-stats", 0), ("group-sums", 1)
Positions = Mapping[TopicPartition, tuple[int, int]]


def looked(watchdog: Watchdog, positions: Positions | None, begin_s: float, end_s: float) -> str:
    """What is told at the end of looking so long, every few seconds; None: a rebalance is under way."""
    now_s, told = begin_s, ""
    while now_s <= end_s:
        told = watchdog.unsettled(now_s) if positions is None else watchdog.stuck(positions, now_s)
        now_s += LOOK_EVERY_S
    return told


@pytest.mark.parametrize(
    ("positions", "told"),
    [
        pytest.param({A: (5, 9)}, "records wait and are not read: kubelet-stats/0", id="one before waiting records"),
        pytest.param({A: (5, 9), B: (1, 2)}, "records wait and are not read: group-sums/1, kubelet-stats/0", id="two"),
        pytest.param({A: (9, 9)}, "", id="read to its end"),
        pytest.param({}, "", id="none"),
    ],
)
def test_partitions_that_stand_still_for_a_minute(positions: Positions, told: str) -> None:
    assert looked(Watchdog(), positions, 0, STALLED_AFTER_S - 1) == ""
    assert looked(Watchdog(), positions, 0, STALLED_AFTER_S) == told


def test_a_partition_that_moves_is_well() -> None:
    watchdog = Watchdog()
    looked(watchdog, {A: (5, 9)}, 0, 50)
    looked(watchdog, {A: (6, 9)}, 55, 100)
    assert looked(watchdog, {A: (7, 9)}, 105, 160) == ""


def test_a_partition_that_comes_back_starts_afresh() -> None:
    watchdog = Watchdog()
    looked(watchdog, {A: (5, 9)}, 0, 50)
    looked(watchdog, {}, 55, 55)
    assert looked(watchdog, {A: (5, 9)}, 60, 110) == ""


def test_a_rebalance_may_take_a_while_but_not_for_ever() -> None:
    watchdog = Watchdog()
    looked(watchdog, {A: (5, 9)}, 0, 50)
    assert looked(watchdog, None, 55, UNSETTLED_AFTER_S) == ""
    assert "has not ended for 600 s" in looked(watchdog, None, UNSETTLED_AFTER_S + 5, UNSETTLED_AFTER_S + 60)


def test_a_process_that_slept_starts_afresh() -> None:
    watchdog = Watchdog()
    looked(watchdog, {A: (5, 9)}, 0, 30)
    assert watchdog.stuck({A: (5, 9)}, 3000.0) == ""
    looked(watchdog, None, 3005, 3010)
    assert watchdog.unsettled(9000.0) == ""
