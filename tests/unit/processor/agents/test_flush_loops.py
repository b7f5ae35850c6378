import pytest

from processor.agents.flush_loops import MAX_DEFERRALS, NODE_FLUSH_S, IdleDetector
from processor.state.group_windows import QUIET_S


@pytest.mark.parametrize(
    ("scrapes", "flushes"),
    [
        pytest.param([0, 0, 0], [True, True, True], id="no scrapes arrive"),
        pytest.param([5, 5, 5], [False, True, True], id="no more scrapes arrive"),
        pytest.param([1, 2, 3, 4, 5, 6], [False, False, True, False, False, True], id="scrapes arrive all the time"),
        pytest.param([1, 2, 2, 3, 4, 5], [False, False, True, False, False, True], id="a pause resets the deferrals"),
    ],
)
def test_totals_are_flushed_when_idle_or_at_every_third_check(scrapes: list[int], flushes: list[bool]) -> None:
    idle = IdleDetector()
    assert [idle.should_flush(each) for each in scrapes] == flushes


def test_changing_totals_are_sent_before_they_count_as_quiet() -> None:
    assert (MAX_DEFERRALS + 1) * NODE_FLUSH_S < QUIET_S
