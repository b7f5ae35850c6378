import pytest

from schemas.node_scrape import NodeScrape
from tests.scrapes import summary_scrape
from tools.chaos.windows import Excuse, windows

R = 60_000_000_000
FIRES_AFTER = 5_000_000_000
PARTITIONS = {"a": 3, "b": 7}
ALL_ONCE = "a1 b1 a2 b2 a3 b3 a4 b4"


def takeover(of: str, from_: float, to: float) -> Excuse:
    return Excuse(frozenset(PARTITIONS[node] for node in of), int(from_ * R), int(to * R))


@pytest.mark.parametrize(
    ("scraped", "excuses", "missed", "told"),
    [
        pytest.param(ALL_ONCE, [], 0, [], id="each once"),
        pytest.param("a1 b1 b2 a3 b3", [], 0, ["a was not scraped"], id="one missed"),
        pytest.param("a1 b1 a2 a2 b2 a3 b3", [], 0, ["a was scraped 2 times"], id="one doubled"),
        pytest.param("a1 b1 b2 a3 b3", [takeover("a", 2, 3)], 1, [], id="missed in a takeover"),
        pytest.param("a1 b1 a3 b3", [takeover("ab", 2, 3)], 2, [], id="one of each node"),
        pytest.param("a1 b1 b2 a3 b3", [takeover("b", 2, 3)], 0, ["a was not scraped"], id="another's takeover"),
        pytest.param("a1 b1 b2 a3 b3", [takeover("a", 1, 2)], 0, ["a was not scraped"], id="over before it fires"),
        pytest.param(
            "a1 b1 b2 b3 a4 b4", [takeover("a", 2, 4)], 1, ["a was not scraped"], id="a takeover costs one window"
        ),
        pytest.param(
            "a1 b1 b2 b3 a4 b4", [takeover("a", 2, 5), takeover("a", 2, 3)], 2, [], id="two takeovers cost two"
        ),
        pytest.param(
            "a1 b1 a2 a2 b2 a3 b3", [takeover("ab", 0, 9)], 0, ["a was scraped 2 times"], id="doubled in a takeover"
        ),
        pytest.param("b0 a1 b1 a2 b2 a3", [], 0, [], id="workers come at the start and go at the end"),
        pytest.param("", [], 0, [], id="nothing at all"),
    ],
)
def test_windows_are_missed_for_a_reason_or_told(
    scraped: str, excuses: list[Excuse], missed: int, told: list[str]
) -> None:
    scrapes: dict[int, list[NodeScrape]] = {}
    for each in scraped.split():
        scrape = summary_scrape(node=each[0], window_end_ns=int(each[1]) * R)
        scrapes.setdefault(PARTITIONS[each[0]], []).append(scrape)
    found = windows(scrapes, excuses, FIRES_AFTER)
    assert found.missed == missed
    assert [line.partition(" in the window")[0] for line in found.unexplained] == told
