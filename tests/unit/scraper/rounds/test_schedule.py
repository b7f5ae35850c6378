from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.rounds.schedule import (
    MAX_SPREAD_SHARE,
    SCRAPE_OFFSET_NS,
    Window,
    default_spread_ns,
    first_window,
    floor_ns,
    limited_spread_ns,
    max_round_ns,
    next_window,
    spread_position,
    windows_behind,
)

SECOND = 1_000_000_000
RESOLUTIONS = st.integers(5, 3600).map(lambda seconds: seconds * SECOND)
TIMES = st.integers(1_500_000_000 * SECOND, 2_000_000_000 * SECOND)


def at(time: str) -> int:
    return int(datetime.fromisoformat(f"2017-08-13T{time}").replace(tzinfo=UTC).timestamp() * 1000) * 1_000_000


@pytest.mark.parametrize(
    ("now_s", "resolution_s", "expected_s"),
    [
        pytest.param(1502621457, 7, 1502621452, id="7 s: counted from year 1, not from 1970"),
        pytest.param(1502621457, 60, 1502621457 // 60 * 60, id="60 s divide a day: the same as counted from 1970"),
        pytest.param(1502621452, 7, 1502621452, id="a boundary is its own floor"),
    ],
)
def test_boundaries_are_counted_from_the_year_1(now_s: int, resolution_s: int, expected_s: int) -> None:
    assert floor_ns(now_s * SECOND, resolution_s * SECOND) == expected_s * SECOND


@pytest.mark.parametrize(
    ("now", "resolution_s", "end", "due_at"),
    [
        pytest.param("10:50:57", 60, "10:51:00", "10:51:05", id="60 s"),
        pytest.param("10:51:05.01", 60, "10:52:00", "10:52:05", id="60 s, just after a round has started"),
        pytest.param("10:50:57", 30, "10:51:00", "10:51:05", id="30 s"),
        pytest.param("10:50:57", 5, "10:51:00", "10:51:05", id="5 s"),
    ],
)
def test_a_worker_starts_with_the_current_window(now: str, resolution_s: int, end: str, due_at: str) -> None:
    window = first_window(at(now), resolution_s * SECOND)
    assert (window.end_ns, window.due_at_ns) == (at(end), at(due_at))


@pytest.mark.parametrize(
    ("now", "resolution_s", "expected"),
    [
        pytest.param("10:51:06", 60, "10:52:00", id="the next one"),
        pytest.param("10:51:05.2", 5, "10:51:05", id="5 s: no window is skipped, unlike in Heapster"),
        pytest.param("10:51:10", 5, "10:51:05", id="5 s: the next window is due now"),
        pytest.param("10:51:12", 5, "10:51:15", id="5 s: a missed window is not scraped later"),
        pytest.param("10:54:00", 60, "10:55:00", id="60 s: several were missed"),
    ],
)
def test_after_the_window_that_ended_at_10_51(now: str, resolution_s: int, expected: str) -> None:
    assert next_window(Window(at("10:51:00")), at(now), resolution_s * SECOND) == Window(at(expected))


@given(now_ns=TIMES, resolution_ns=RESOLUTIONS)
def test_the_first_window_is_aligned_and_contains_now(now_ns: int, resolution_ns: int) -> None:
    end_ns = first_window(now_ns, resolution_ns).end_ns
    assert end_ns == floor_ns(end_ns, resolution_ns)
    assert end_ns - resolution_ns <= now_ns < end_ns


@given(now_ns=TIMES, resolution_ns=RESOLUTIONS, took_ns=st.integers(0, 100 * SECOND))
def test_the_next_window_is_later_aligned_and_not_overdue(now_ns: int, resolution_ns: int, took_ns: int) -> None:
    last = first_window(now_ns, resolution_ns)
    over_ns = last.due_at_ns + took_ns
    following = next_window(last, over_ns, resolution_ns)
    assert following.end_ns > last.end_ns
    assert (following.end_ns - last.end_ns) % resolution_ns == 0
    assert following.due_at_ns >= over_ns


@given(resolution_ns=RESOLUTIONS)
def test_a_round_ends_within_20_s_and_before_the_next_round(resolution_ns: int) -> None:
    assert max_round_ns(resolution_ns) < resolution_ns
    assert max_round_ns(resolution_ns) <= 20 * SECOND
    assert SCRAPE_OFFSET_NS == 5 * SECOND


@pytest.mark.parametrize(
    ("nodes", "resolution_s", "expected_ms"),
    [
        pytest.param(3, 60, 36, id="12 ms per node"),
        pytest.param(500, 60, 6000, id="500 nodes: more than the 4 s of Heapster"),
        pytest.param(5000, 60, 12_000, id="at most 12 s, which leaves 8 s for the last answers"),
        pytest.param(5000, 600, 12_000, id="at most 12 s also in a long window"),
        pytest.param(5000, 5, 1000, id="at most a fifth of a short window"),
        pytest.param(0, 60, 0, id="no nodes"),
    ],
)
def test_the_default_spread(nodes: int, resolution_s: int, expected_ms: int) -> None:
    assert default_spread_ns(nodes, resolution_s * SECOND) == expected_ms * 1_000_000


@pytest.mark.parametrize(
    ("spread_s", "resolution_s", "expected_s"),
    [
        pytest.param(0, 60, 20, id="20 s as in Heapster"),
        pytest.param(12, 60, 20, id="12 s, and 8 s for the last answers"),
        pytest.param(30, 60, 38, id="30 s, and 8 s for the last answers"),
        pytest.param(30, 30, 24, id="at most 80 percent of a window"),
    ],
)
def test_the_maximum_duration_of_a_round(spread_s: int, resolution_s: int, expected_s: int) -> None:
    assert max_round_ns(resolution_s * SECOND, spread_s * SECOND) == expected_s * SECOND


@pytest.mark.parametrize(
    ("spread_s", "left_s", "expected_s"),
    [
        pytest.param(12, 20, 12, id="a whole round"),
        pytest.param(30, 38, 30, id="half of a window of 60 s"),
        pytest.param(5, 8, 5, id="half of a window of 10 s"),
        pytest.param(12, 6, 3.75, id="nodes taken over late in a round"),
        pytest.param(12, -1, 0, id="too late"),
    ],
)
def test_the_spread_leaves_time_for_the_last_answers(spread_s: int, left_s: float, expected_s: float) -> None:
    assert limited_spread_ns(spread_s * SECOND, int(left_s * SECOND)) == expected_s * SECOND


@given(resolution_ns=RESOLUTIONS, share=st.floats(0, MAX_SPREAD_SHARE))
def test_every_allowed_spread_fits_into_a_round(resolution_ns: int, share: float) -> None:
    spread_ns = int(resolution_ns * share)
    assert limited_spread_ns(spread_ns, max_round_ns(resolution_ns, spread_ns)) == spread_ns


def test_nodes_are_distributed_evenly_over_the_spread() -> None:
    positions = sorted(spread_position(f"node-{number:04d}") for number in range(1000))
    assert spread_position("n1") == pytest.approx(0.23619, abs=1e-5)  # the same in every process
    assert all(abs(position - number / 1000) < 0.05 for number, position in enumerate(positions))


@pytest.mark.parametrize(
    ("seconds_later", "behind"),
    [
        pytest.param(0, 0, id="just scraped"),
        pytest.param(64.9, 0, id="the next window has ended but is not due"),
        pytest.param(65, 1, id="the next window is due now"),
        pytest.param(124.9, 1, id="the next round is running"),
        pytest.param(125, 2, id="one window was missed"),
        pytest.param(-60, 0, id="the clock was set back"),
    ],
)
def test_windows_behind(seconds_later: float, behind: int) -> None:
    last = Window(floor_ns(1_700_000_000 * 10**9, 60 * 10**9))
    now_ns = last.end_ns + int(seconds_later * 10**9)
    assert windows_behind(last, now_ns, 60 * 10**9) == behind
