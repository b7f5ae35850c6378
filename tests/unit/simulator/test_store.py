from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.objects import RESOURCES, Resource
from simulator.store import Changes, GoneError, Listing, Store

PODS: Resource = "pods"
ONE_CHANGE = st.tuples(
    st.sampled_from(RESOURCES),
    st.sampled_from(["put", "delete", "replace"]),
    st.sampled_from(["a", "b", "c"]),
    st.integers(0, 2),
)


def pod(name: str, label: int = 0) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "labels": {"n": str(label)}}}


def change(store: Store, resource: Resource, how: str, name: str, label: int) -> None:
    if how == "put":
        store.put(resource, pod(name, label))
    elif how == "replace":
        store.replace(resource, [pod(each, label) for each in "abc"[:label]])
    elif any(name in orjson.loads(body)["metadata"]["name"] for body in store.listing(resource).bodies):
        store.delete(resource, f"shop/{name}")


def objects(listing: Listing) -> dict[str, Any]:
    return {item["metadata"]["name"]: item for item in map(orjson.loads, listing.bodies)}


def followed(known: Mapping[str, Any], news: Changes) -> dict[str, Any]:
    """What a watcher knows who knew that before."""
    known = dict(known)
    for each in news.changes:
        item = orjson.loads(each.body)
        name = item["metadata"]["name"]
        assert (each.type == "ADDED") == (name not in known)
        assert item["metadata"]["resourceVersion"] == str(each.version)
        known[name] = item
        if each.type == "DELETED":
            del known[name]
    return known


@given(before=st.lists(ONE_CHANGE), after=st.lists(ONE_CHANGE), resource=st.sampled_from(RESOURCES))
def test_a_list_and_the_changes_since_make_the_later_list(
    before: list[Any], after: list[Any], resource: Resource
) -> None:
    store = Store()
    for each in before:
        change(store, *each)
    listed = store.listing(resource)
    for each in after:
        change(store, *each)
    news = store.changes(resource, listed.version)
    assert followed(objects(listed), news) == objects(store.listing(resource))
    assert news.version == store.listing(resource).version


@given(st.lists(ONE_CHANGE, min_size=1))
def test_versions_only_grow_over_all_resources(changes: list[Any]) -> None:
    store = Store(first_version=7)
    for each in changes:
        change(store, *each)
    versions = [each.version for resource in RESOURCES for each in store.changes(resource, 7).changes]
    assert sorted(versions) == list(range(8, 8 + len(versions)))


def test_the_same_object_again_is_no_change() -> None:
    store = Store()
    assert store.put(PODS, pod("a"))
    assert not store.put(PODS, pod("a") | {"kind": "Pod", "apiVersion": "v1"})
    assert not store.put(PODS, {"metadata": {**pod("a")["metadata"], "resourceVersion": "1000"}})
    assert store.version == 2


def test_what_the_giver_changes_afterwards_does_not_show() -> None:
    store, item = Store(), pod("a")
    store.put(PODS, item)
    item["metadata"]["labels"]["n"] = "9"
    assert objects(store.listing(PODS))["a"]["metadata"]["labels"] == {"n": "0"}


def test_a_deleted_object_goes_out_as_it_was_with_a_version_of_its_own() -> None:
    store = Store(first_version=10)
    store.put(PODS, pod("a", 5))
    store.delete(PODS, "shop/a")
    deleted = store.changes(PODS, 11).changes[0]
    assert deleted.type == "DELETED"
    assert orjson.loads(deleted.body)["metadata"] == pod("a", 5)["metadata"] | {"resourceVersion": "12"}


def test_changes_that_are_no_longer_kept_are_gone() -> None:
    store = Store(first_version=1, kept_changes=2)
    for name in "abc":
        store.put(PODS, pod(name))
    assert [each.version for each in store.changes(PODS, 2).changes] == [3, 4]
    with pytest.raises(GoneError, match=r"too old resource version: 1 \(2\)"):
        store.changes(PODS, 1)


def test_a_busy_resource_does_not_push_out_another_ones_changes() -> None:
    store = Store(first_version=1, kept_changes=2)
    store.put("nodes", {"metadata": {"name": "n1"}})
    for name in "abc":
        store.put(PODS, pod(name))
    assert [each.version for each in store.changes("nodes", 1).changes] == [2]


@pytest.mark.parametrize("since", [pytest.param(99, id="never given out"), pytest.param(2, id="forgotten")])
def test_other_versions_are_gone_too(since: int) -> None:
    store = Store(first_version=1)
    store.put(PODS, pod("a"))
    store.forget_history()
    with pytest.raises(GoneError):
        store.changes(PODS, since)


def test_listeners_hear_of_every_change_until_they_leave() -> None:
    store, heard = Store(), []
    leave = store.subscribe(lambda: heard.append(store.version))
    store.put(PODS, pod("a"))
    store.put(PODS, pod("a"))
    store.delete(PODS, "shop/a")
    leave()
    store.put(PODS, pod("b"))
    assert heard == [2, 3]


@pytest.mark.parametrize(
    "item",
    [
        pytest.param({}, id="no metadata"),
        pytest.param({"metadata": {}}, id="no name"),
        pytest.param({"metadata": {"name": ""}}, id="empty name"),
    ],
)
def test_an_object_that_cannot_be_told_apart_is_refused(item: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a Kubernetes object without"):
        Store().put(PODS, item)
