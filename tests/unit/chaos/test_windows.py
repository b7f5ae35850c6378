import pytest

from chaos.windows import Interval, windows
from tests.scrapes import summary_scrape

R = 60_000_000_000
FIRES_AFTER = 5_000_000_000


@pytest.mark.parametrize(
    ("scraped", "stopped", "missed", "told"),
    [
        pytest.param("a1 b1 a2 b2 a3 b3", [], 0, [], id="each once"),
        pytest.param("a1 b1 b2 a3 b3", [], 1, ["a was scraped 0 times"], id="one missed"),
        pytest.param("a1 b1 a2 a2 b2 a3 b3", [], 0, ["a was scraped 2 times"], id="one doubled"),
        pytest.param("a1 b1 b2 a3 b3", [(2 * R, 3 * R)], 1, [], id="missed while a fault stopped it"),
        pytest.param("a1 b1 b2 a3 b3", [(2 * R, 2 * R + 1)], 1, ["a was scraped 0 times"], id="over before it fires"),
        pytest.param("b0 a1 b1 a2 b2 a3", [], 0, [], id="workers come at the start and go at the end"),
        pytest.param("", [], 0, [], id="nothing at all"),
    ],
)
def test_windows_are_missed_or_doubled_with_a_reason_or_told(
    scraped: str, stopped: list[tuple[int, int]], missed: int, told: list[str]
) -> None:
    scrapes = [summary_scrape(node=each[0], window_end_ns=int(each[1]) * R) for each in scraped.split()]
    found = windows(scrapes, [Interval(*each) for each in stopped], FIRES_AFTER)
    assert found.missed == missed
    assert [line.partition(" in the window")[0] for line in found.unexplained] == told
