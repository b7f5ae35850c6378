import pytest

from processor.agents.flush_loops import MOST_PUT_OFF, NODE_FLUSH_S, IdleDetector
from processor.state.group_windows import QUIET_S


@pytest.mark.parametrize(
    ("taken", "flushes"),
    [
        pytest.param([0, 0, 0], [True, True, True], id="nothing comes"),
        pytest.param([5, 5, 5], [False, True, True], id="nothing more has come since"),
        pytest.param([1, 2, 3, 4, 5, 6], [False, False, True, False, False, True], id="something comes all the time"),
        pytest.param([1, 2, 2, 3, 4, 5], [False, False, True, False, False, True], id="a lull begins it anew"),
    ],
)
def test_totals_are_sent_in_a_lull_or_at_every_third_look(taken: list[int], flushes: list[bool]) -> None:
    lull = IdleDetector()
    assert [lull.now(each) for each in taken] == flushes


def test_totals_that_change_are_sent_more_often_than_they_count_as_quiet() -> None:
    assert (MOST_PUT_OFF + 1) * NODE_FLUSH_S < QUIET_S
