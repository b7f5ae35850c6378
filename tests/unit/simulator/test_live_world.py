from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from simulator.cluster import Cluster, ClusterSize
from simulator.live_world import LiveWorld
from simulator.objects import RESOURCES, Endpoint, Resource
from simulator.store import Listing

NOW_S = 1_767_225_600
NS = 1_000_000_000


def cluster(seed: int = 1) -> Cluster:
    return Cluster(ClusterSize(nodes=1, pods_per_node=9, seed=seed, unready_nodes=True), [Endpoint("127.0.1.1", 10255)])


def without_versions(items: Any) -> dict[str, Any]:
    found = {}
    for item in items:
        named = {name: value for name, value in item["metadata"].items() if name != "resourceVersion"}
        found[named["name"]] = {**item, "metadata": named}
    return found


def listed(listing: Listing) -> dict[str, Any]:
    return without_versions(orjson.loads(body) for body in listing.bodies)


@given(seed=st.integers(0, 99), steps=st.lists(st.integers(1, 900), max_size=4), resource=st.sampled_from(RESOURCES))
def test_whatever_the_steps_the_objects_are_those_of_the_time(seed: int, steps: list[int], resource: Resource) -> None:
    which = cluster(seed)
    world, at_s = LiveWorld(which, NOW_S * NS), NOW_S
    begun = world.api.listing(resource)
    for step in steps:
        at_s += step
        world.advance(at_s * NS)
    now = listed(world.api.listing(resource))
    assert now == without_versions(which.objects(at_s)[resource])
    followed = listed(begun)
    for change in world.api.changes(resource, begun.version).changes:
        item = without_versions([orjson.loads(change.body)])
        followed |= item
        if change.type == "DELETED":
            followed.pop(*item)
    assert followed == now


def test_nothing_changes_while_time_stands_still() -> None:
    world = LiveWorld(cluster(), NOW_S * NS)
    version = world.api.version
    world.advance(NOW_S * NS + NS // 2)
    assert world.api.version == version


def test_a_world_started_later_gives_out_later_versions() -> None:
    earlier = LiveWorld(cluster(), NOW_S * NS)
    earlier.advance((NOW_S + 60) * NS)
    assert LiveWorld(cluster(), (NOW_S + 61) * NS).api.listing("pods").version > earlier.api.version


def test_a_node_of_another_cluster_has_no_document() -> None:
    world = LiveWorld(cluster(), NOW_S * NS)
    assert world.summary("node-001", NOW_S * NS) is None
    assert world.summary("node-000", NOW_S * NS) is not None
