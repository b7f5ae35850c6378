from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scraper.rounds.schedule import (
    LONGEST_SPREAD_SHARE,
    SCRAPE_OFFSET_NS,
    Window,
    first_window,
    floor_ns,
    longest_round_ns,
    next_window,
    place,
    spread_in_time_ns,
    usual_spread_ns,
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
        pytest.param(1502621457, 60, 1502621457 // 60 * 60, id="a minute divides the day: the same as from 1970"),
        pytest.param(1502621452, 7, 1502621452, id="a boundary is its own floor"),
    ],
)
def test_boundaries_are_counted_from_the_year_1(now_s: int, resolution_s: int, expected_s: int) -> None:
    assert floor_ns(now_s * SECOND, resolution_s * SECOND) == expected_s * SECOND


@pytest.mark.parametrize(
    ("now", "resolution_s", "end", "fires_at"),
    [
        pytest.param("10:50:57", 60, "10:51:00", "10:51:05", id="60 s"),
        pytest.param("10:51:05.01", 60, "10:52:00", "10:52:05", id="60 s, just after one has fired"),
        pytest.param("10:50:57", 30, "10:51:00", "10:51:05", id="30 s"),
        pytest.param("10:50:57", 5, "10:51:00", "10:51:05", id="5 s"),
    ],
)
def test_a_worker_begins_with_the_window_that_now_lies_in(now: str, resolution_s: int, end: str, fires_at: str) -> None:
    window = first_window(at(now), resolution_s * SECOND)
    assert (window.end_ns, window.fires_at_ns) == (at(end), at(fires_at))


@pytest.mark.parametrize(
    ("now", "resolution_s", "expected"),
    [
        pytest.param("10:51:06", 60, "10:52:00", id="the next one"),
        pytest.param("10:51:05.2", 5, "10:51:05", id="5 s: none is left out, as Heapster did"),
        pytest.param("10:51:10", 5, "10:51:05", id="5 s: it is due at this moment"),
        pytest.param("10:51:12", 5, "10:51:15", id="5 s: one that was missed is not made up"),
        pytest.param("10:54:00", 60, "10:55:00", id="60 s: several were missed"),
    ],
)
def test_after_the_window_that_ended_at_10_51(now: str, resolution_s: int, expected: str) -> None:
    assert next_window(Window(at("10:51:00")), at(now), resolution_s * SECOND) == Window(at(expected))


@given(now_ns=TIMES, resolution_ns=RESOLUTIONS)
def test_the_first_window_is_aligned_and_holds_now(now_ns: int, resolution_ns: int) -> None:
    end_ns = first_window(now_ns, resolution_ns).end_ns
    assert end_ns == floor_ns(end_ns, resolution_ns)
    assert end_ns - resolution_ns <= now_ns < end_ns


@given(now_ns=TIMES, resolution_ns=RESOLUTIONS, took_ns=st.integers(0, 100 * SECOND))
def test_the_next_window_is_later_aligned_and_not_overdue(now_ns: int, resolution_ns: int, took_ns: int) -> None:
    last = first_window(now_ns, resolution_ns)
    over_ns = last.fires_at_ns + took_ns
    following = next_window(last, over_ns, resolution_ns)
    assert following.end_ns > last.end_ns
    assert (following.end_ns - last.end_ns) % resolution_ns == 0
    assert following.fires_at_ns >= over_ns


@given(resolution_ns=RESOLUTIONS)
def test_a_round_is_over_before_the_next_one_and_after_20_s(resolution_ns: int) -> None:
    assert longest_round_ns(resolution_ns) < resolution_ns
    assert longest_round_ns(resolution_ns) <= 20 * SECOND
    assert SCRAPE_OFFSET_NS == 5 * SECOND


@pytest.mark.parametrize(
    ("nodes", "resolution_s", "expected_ms"),
    [
        pytest.param(3, 60, 36, id="12 ms a node"),
        pytest.param(500, 60, 6000, id="500 nodes: Heapster stopped at 4 s"),
        pytest.param(5000, 60, 12_000, id="a round's last 8 s are for those asked last"),
        pytest.param(5000, 600, 12_000, id="no more in a long window"),
        pytest.param(5000, 5, 1000, id="never so long that a short window is missed"),
        pytest.param(0, 60, 0, id="no nodes"),
    ],
)
def test_requests_are_spread_over(nodes: int, resolution_s: int, expected_ms: int) -> None:
    assert usual_spread_ns(nodes, resolution_s * SECOND) == expected_ms * 1_000_000


@pytest.mark.parametrize(
    ("spread_s", "resolution_s", "expected_s"),
    [
        pytest.param(0, 60, 20, id="as Heapster"),
        pytest.param(12, 60, 20, id="the last ones asked have 8 s"),
        pytest.param(30, 60, 38, id="half a minute: the last ones have as long as ever"),
        pytest.param(30, 30, 24, id="never into the next one"),
    ],
)
def test_a_round_may_take(spread_s: int, resolution_s: int, expected_s: int) -> None:
    assert longest_round_ns(resolution_s * SECOND, spread_s * SECOND) == expected_s * SECOND


@pytest.mark.parametrize(
    ("spread_s", "left_s", "expected_s"),
    [
        pytest.param(12, 20, 12, id="a whole round: all of it"),
        pytest.param(30, 38, 30, id="half of a minute's window"),
        pytest.param(5, 8, 5, id="half of a 10 s window"),
        pytest.param(12, 6, 3.75, id="nodes taken over, late in a round"),
        pytest.param(12, -1, 0, id="too late"),
    ],
)
def test_those_asked_last_have_time_to_answer(spread_s: int, left_s: float, expected_s: float) -> None:
    assert spread_in_time_ns(spread_s * SECOND, int(left_s * SECOND)) == expected_s * SECOND


@given(resolution_ns=RESOLUTIONS, share=st.floats(0, LONGEST_SPREAD_SHARE))
def test_whatever_spread_may_be_asked_for_fits_into_a_round(resolution_ns: int, share: float) -> None:
    spread_ns = int(resolution_ns * share)
    assert spread_in_time_ns(spread_ns, longest_round_ns(resolution_ns, spread_ns)) == spread_ns


def test_nodes_have_places_of_their_own_all_over_the_spread() -> None:
    places = sorted(place(f"node-{number:04d}") for number in range(1000))
    assert place("n1") == pytest.approx(0.23619, abs=1e-5)  # in every process
    assert all(abs(where - number / 1000) < 0.05 for number, where in enumerate(places))


@pytest.mark.parametrize(
    ("seconds_later", "behind"),
    [
        pytest.param(0, 0, id="it has just been scraped"),
        pytest.param(64.9, 0, id="the next one has ended, and is not scraped before its offset"),
        pytest.param(65, 1, id="the next one fires now"),
        pytest.param(124.9, 1, id="it takes its time"),
        pytest.param(125, 2, id="one has been missed"),
        pytest.param(-60, 0, id="a clock that was set back"),
    ],
)
def test_windows_behind(seconds_later: float, behind: int) -> None:
    last = Window(floor_ns(1_700_000_000 * 10**9, 60 * 10**9))
    now_ns = last.end_ns + int(seconds_later * 10**9)
    assert windows_behind(last, now_ns, 60 * 10**9) == behind
