import pytest

from api.dashboard.search import Hit, find
from api.store.snapshot import Snapshot
from tests.stored import NOW_NS, batch, namespace, node, pod, stored

STORE = stored(
    batch(node("web"), pod("web", "shop", "web"), pod("web", "shop", "web-cache"), pod("web", "ml", "Big-web")),
    batch(namespace("shop")),
    batch(namespace("web-tools")),
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "web",
            [
                Hit("node", "web"),
                Hit("pod", "web", "shop"),
                Hit("pod", "web-cache", "shop"),
                Hit("ns", "web-tools"),
                Hit("pod", "Big-web", "ml"),
            ],
            id="whole names, beginnings, the rest",
        ),
        pytest.param(" BIG ", [Hit("pod", "Big-web", "ml")], id="whatever the case"),
        pytest.param("shop/web-", [Hit("pod", "web-cache", "shop")], id="a pod with its namespace"),
        pytest.param("nothing", [], id="not there"),
        pytest.param("  ", [], id="no text"),
    ],
)
def test_found(text: str, expected: list[Hit]) -> None:
    assert find(Snapshot(STORE, NOW_NS), text) == expected


def test_the_shortest_of_equally_good_names_come_first() -> None:
    store = stored(batch(node("n1"), *(pod("n1", "shop", name) for name in ("web-aaaa", "web-z", "web-bb"))))
    assert [hit.name for hit in find(Snapshot(store, NOW_NS), "web")] == ["web-z", "web-bb", "web-aaaa"]


def test_twenty_at_most() -> None:
    store = stored(batch(node("n1"), *(pod("n1", "shop", f"web-{number:02}") for number in range(30))))
    assert [hit.name for hit in find(Snapshot(store, NOW_NS), "web")] == [f"web-{number:02}" for number in range(20)]
