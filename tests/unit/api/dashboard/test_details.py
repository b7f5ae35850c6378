import pytest

from api.dashboard.details import Line, Value, details, unit_of
from api.store.snapshot import Snapshot
from tests.stored import NEWEST_NS, NOW_NS, RESOLUTION_NS, S, batch, labeled, node, pod, stored

MS = 1_000_000


def test_lines_share_their_times_and_have_gaps_where_nothing_came() -> None:
    store = stored(
        batch(node("n1"), pod("n1", "shop", "web", memory_usage=1), ago=3),
        batch(node("n1"), pod("n1", "shop", "web", memory_usage=2, cpu_usage_rate=20), ago=1),
        batch(node("n1"), pod("n1", "shop", "web", memory_usage=3, cpu_usage_rate=30)),
    )
    found = details(Snapshot(store, NOW_NS), "namespace:shop/pod:web")
    assert found is not None
    assert found.times == [(NEWEST_NS - ago * RESOLUTION_NS) // MS for ago in (3, 1, 0)]
    assert found.lines == [
        Line("cpu/usage_rate", {}, [None, 20, 30]),
        Line("memory/usage", {}, [1, 2, 3]),
    ]
    assert found.values == [Value("memory/usage", {}, 3, "bytes"), Value("cpu/usage_rate", {}, 30, "millicores")]
    assert (found.type, found.window_ms, found.labels["nodename"]) == ("pod", NEWEST_NS // MS, "n1")


def test_a_pod_that_is_gone_has_lines_but_no_values() -> None:
    store = stored(
        batch(node("n1"), pod("n1", "shop", "web", cpu_usage_rate=20), ago=1), batch(node("n1", cpu_usage_rate=1))
    )
    found = details(Snapshot(store, NOW_NS), "namespace:shop/pod:web")
    assert found is not None
    assert (found.window_ms, found.values) == (None, [])
    assert found.lines == [Line("cpu/usage_rate", {}, [20])]


def test_nothing_is_known_of_what_never_came() -> None:
    assert details(Snapshot(stored(), NOW_NS), "node:n1") is None


def test_each_filesystem_has_lines_of_its_own() -> None:
    disks = labeled(labeled(node("n1"), "logs", filesystem_usage=1), "/", filesystem_usage=5, filesystem_limit=9)
    found = details(Snapshot(stored(batch(disks)), NOW_NS), "node:n1")
    assert found is not None
    assert found.lines == [
        Line("filesystem/usage", {"resource_id": "/"}, [5]),
        Line("filesystem/limit", {"resource_id": "/"}, [9]),
        Line("filesystem/usage", {"resource_id": "logs"}, [1]),
    ]


def test_the_windows_of_a_node_tell_which_were_answered() -> None:
    store = stored(batch(node("n1", cpu_usage=1), ago=1), batch(node("n1", scrape_up=0)))
    found = details(Snapshot(store, NOW_NS), "node:n1")
    assert found is not None
    assert found.scrapes == [((NEWEST_NS - RESOLUTION_NS) // MS, True), (NEWEST_NS // MS, False)]


def test_a_window_from_the_future_is_not_drawn() -> None:
    store = stored(batch(node("n1", cpu_usage_rate=1)), batch(node("n1", cpu_usage_rate=2), ago=-3))
    found = details(Snapshot(store, NOW_NS), "node:n1")
    assert found is not None
    assert found.lines == [Line("cpu/usage_rate", {}, [1])]
    assert found.window_ms == NEWEST_NS // MS
    assert NOW_NS - NEWEST_NS == 10 * S


@pytest.mark.parametrize(
    ("metric", "unit"),
    [("cpu/usage_rate", "millicores"), ("custom/qps", ""), ("nvidia.com/gpu/request", "count")],
)
def test_units(metric: str, unit: str) -> None:
    assert unit_of(metric) == unit
