from collections.abc import Sequence

import pytest

from api.store.snapshot import Snapshot, Snapshots, containers_of, pods_of, scrapes
from api.store.store import Window
from tests.stored import (
    NEWEST_NS,
    NOW_NS,
    RESOLUTION_NS,
    S,
    batch,
    container,
    namespace,
    node,
    pod,
    stored,
    system_container,
)


def windows(*ends: int, resolution: int = 60, failed: Sequence[int] = ()) -> list[Window]:
    return [Window(end * S, resolution * S, answered=end not in failed) for end in ends]


@pytest.mark.parametrize(
    ("kept", "due", "expected"),
    [
        pytest.param(windows(60, 120, 180), 180, 0, id="all came"),
        pytest.param(windows(60, 180), 180, 1, id="one left out"),
        pytest.param(windows(60, 300), 300, 3, id="three left out"),
        pytest.param(windows(60, 120), 300, 3, id="silent since"),
        pytest.param(windows(60), 60, 0, id="seen once"),
        pytest.param(windows(60, 120), 60, 0, id="earlier than the others"),
        pytest.param(windows(60, 120, 180, failed=[120]), 180, 1, id="one that failed"),
        pytest.param([*windows(60), *windows(70, 80, 90, resolution=10)], 90, 0, id="another resolution from then on"),
    ],
)
def test_windows_that_are_missing(kept: Sequence[Window], due: int, expected: int) -> None:
    assert [answered for _, answered in scrapes(kept, due * S)].count(False) == expected


def test_windows_that_are_missing_stand_where_they_should_be() -> None:
    found = list(scrapes(windows(60, 240), 300 * S))
    assert found == [(60 * S, True), (120 * S, False), (180 * S, False), (240 * S, True), (300 * S, False)]


def test_a_silent_node_stays_in_the_list_without_values() -> None:
    store = stored(
        batch(node("n1", cpu_usage_rate=5)), batch(node("n2", cpu_usage_rate=7), pod("n2", "shop", "web"), ago=6)
    )
    n1, n2 = Snapshot(store, NOW_NS).nodes
    assert n1.reading is not None
    assert (n1.newest_ns, n1.missing) == (NEWEST_NS, 0)
    assert (n2.reading, n2.newest_ns, n2.pods) == (None, NEWEST_NS - 6 * RESOLUTION_NS, 0)
    assert n2.missing == 5  # the sixth may still be on its way


def test_a_window_that_everybody_lacks_for_longer_than_it_lasts_is_missing() -> None:
    store = stored(batch(node("n1", cpu_usage=1)), batch(node("n2", cpu_usage=1), ago=1))
    assert [each.missing for each in Snapshot(store, NOW_NS).nodes] == [0, 0]
    assert [each.missing for each in Snapshot(store, NEWEST_NS + RESOLUTION_NS).nodes] == [0, 1]


def test_a_window_in_which_the_scrape_failed_is_missing() -> None:
    store = stored(batch(node("n1", cpu_usage=1), ago=1), batch(node("n1", scrape_up=0)))
    assert [each.missing for each in Snapshot(store, NOW_NS).nodes] == [1]


def test_pods_are_counted_by_node_and_namespace() -> None:
    store = stored(
        batch(node("n1"), pod("n1", "shop", "a"), container("n1", "shop", "a", "c"), pod("n1", "ml", "b")),
        batch(node("n2"), pod("n2", "shop", "c")),
        batch(namespace("shop")),
        batch(namespace("ml")),
    )
    snapshot = Snapshot(store, NOW_NS)
    assert [each.pods for each in snapshot.nodes] == [2, 1]
    assert {each.reading.key: each.pods for each in snapshot.namespaces} == {"namespace:shop": 2, "namespace:ml": 1}
    assert [each.key for each in pods_of(snapshot, namespace="shop")] == [
        "namespace:shop/pod:a",
        "namespace:shop/pod:c",
    ]
    assert [each.key for each in pods_of(snapshot, node="n2")] == ["namespace:shop/pod:c"]
    assert [each.key for each in pods_of(snapshot, "ml", "n2")] == []


def test_containers_of_a_pod_and_of_a_node() -> None:
    store = stored(
        batch(node("n1"), system_container("n1", "kubelet"), pod("n1", "s", "a"), container("n1", "s", "a", "c"))
    )
    snapshot = Snapshot(store, NOW_NS)
    assert [each.key for each in containers_of(snapshot, "namespace:s/pod:a")] == ["namespace:s/pod:a/container:c"]
    assert [each.key for each in containers_of(snapshot, "node:n1")] == ["node:n1/container:kubelet"]


def test_a_census_is_taken_again_when_something_has_come_but_not_at_once() -> None:
    store = stored(batch(node("n1"), ago=1))
    snapshots = Snapshots(store)
    first = snapshots.at(NOW_NS)
    assert snapshots.at(NOW_NS + 14 * S) is first
    stored(batch(node("n1")), store=store)
    assert snapshots.at(NOW_NS + 1 * S) is first
    second = snapshots.at(NOW_NS + 2 * S)
    assert second.edition != first.edition
    assert snapshots.at(NOW_NS + 16 * S) is second
    assert snapshots.at(NOW_NS + 17 * S) is not second  # what was of now may be too old
