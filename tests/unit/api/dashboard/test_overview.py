from api.dashboard.overview import Amounts, overview
from api.store.snapshot import Snapshot
from tests.stored import NEWEST_NS, NOW_NS, S, batch, cluster, namespace, node, pod, stored

NOTHING = Amounts(usage=None, request=None, limit=None, allocatable=None, capacity=None)


def test_sums_of_the_cluster_against_what_its_nodes_have() -> None:
    store = stored(
        batch(node("n1", cpu_node_allocatable=900.0, cpu_node_capacity=1000.0, memory_node_allocatable=50.0)),
        batch(
            node("n2", cpu_node_allocatable=1900.0, cpu_node_capacity=2000.0, cpu_node_utilization=0.123456),
            pod("n2", "shop", "web"),
        ),
        batch(namespace("shop")),
        batch(
            cluster(cpu_usage_rate=300, cpu_request=400, cpu_limit=0, memory_usage=7, memory_request=8, memory_limit=9),
            counted=2,
            expected=3,
        ),
    )
    found = overview(Snapshot(store, NOW_NS))
    assert found.cpu == Amounts(usage=300, request=400, limit=0, allocatable=2800.0, capacity=3000.0)
    assert found.memory == Amounts(usage=7, request=8, limit=9, allocatable=50.0, capacity=None)
    assert (found.window_ms, found.nodes, found.nodes_silent, found.namespaces, found.pods) == (
        NEWEST_NS // 1_000_000, 2, 0, 1, 1,
    )  # fmt: skip
    assert (found.nodes_counted, found.nodes_expected) == (2, 3)
    assert found.map == [("n1", None, None), ("n2", 0.1235, None)]


def test_nothing_has_come_yet() -> None:
    found = overview(Snapshot(stored(), NOW_NS))
    assert (found.window_ms, found.nodes, found.cpu, found.memory, found.map) == (None, 0, NOTHING, NOTHING, [])


def test_what_is_too_old_is_not_shown_as_the_state_of_now() -> None:
    store = stored(
        batch(node("n1", cpu_node_utilization=0.5, cpu_node_allocatable=9.0)), batch(cluster(cpu_usage_rate=3))
    )
    found = overview(Snapshot(store, NOW_NS + 300 * S))
    assert (found.window_ms, found.nodes, found.nodes_silent, found.cpu) == (None, 0, 1, NOTHING)
    assert found.map == [("n1", None, None)]


def test_a_silent_node_adds_no_capacity() -> None:
    store = stored(batch(node("n1", cpu_node_allocatable=900.0)), batch(node("n2", cpu_node_allocatable=1900.0), ago=5))
    found = overview(Snapshot(store, NOW_NS))
    assert (found.nodes, found.nodes_silent, found.cpu.allocatable) == (1, 1, 900.0)
