import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests

from simulator import server
from simulator.cluster import ClusterSize
from simulator.listening import ListenAddresses
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld

SECONDS = 10


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "labels": labels}}


@pytest.fixture
def world() -> FixedWorld:
    world = FixedWorld()
    world.show(
        nodes=[{"metadata": {"name": "n1"}}],
        namespaces=[{"metadata": {"name": "shop"}}],
        pods=[pod("a"), pod("b"), pod("c")],
    )
    return world


@pytest.fixture
def cluster(world: FixedWorld) -> Iterator[SimulatedCluster]:
    with SimulatedCluster.fixed(world) as running:
        yield running


def asked(cluster: SimulatedCluster, path: str, **query: object) -> requests.Response:
    return requests.get(cluster.api_url + path, params=query, timeout=SECONDS)  # type: ignore[arg-type]


def listed(cluster: SimulatedCluster, resource: str = "pods", **query: object) -> dict[str, Any]:
    response = asked(cluster, f"/api/v1/{resource}", **query)
    assert response.status_code == 200
    return dict(response.json())


def version(cluster: SimulatedCluster) -> str:
    return str(listed(cluster)["metadata"]["resourceVersion"])


@contextmanager
def watched(cluster: SimulatedCluster, **query: object) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a watch of pods as they come."""
    given = {"watch": "true", **query}
    url = f"{cluster.api_url}/api/v1/pods"
    with requests.get(url, params=given, stream=True, timeout=SECONDS) as response:  # type: ignore[arg-type]
        assert response.status_code == 200
        assert response.headers["Content-Type"] == "application/json"
        yield (json.loads(line) for line in response.iter_lines(chunk_size=1))


def names(items: list[dict[str, Any]]) -> list[str]:
    return [item["metadata"]["name"] for item in items]


@pytest.mark.parametrize(
    ("resource", "kind", "expected"),
    [("nodes", "NodeList", ["n1"]), ("pods", "PodList", ["a", "b", "c"]), ("namespaces", "NamespaceList", ["shop"])],
)
def test_each_resource_is_listed_with_a_version(
    cluster: SimulatedCluster, resource: str, kind: str, expected: list[str]
) -> None:
    found = listed(cluster, resource)
    assert (found["kind"], found["apiVersion"]) == (kind, "v1")
    assert names(found["items"]) == expected
    assert found["metadata"] == {"resourceVersion": "6"}
    assert all(int(item["metadata"]["resourceVersion"]) <= 6 for item in found["items"])


def test_a_list_in_pieces_is_as_of_its_first_one(world: FixedWorld, cluster: SimulatedCluster) -> None:
    first = listed(cluster, limit=2)
    world.api.put("pods", pod("d"))
    second = listed(cluster, limit=2, **{"continue": first["metadata"]["continue"]})
    assert first["metadata"]["remainingItemCount"] == 1
    assert names(first["items"]) + names(second["items"]) == ["a", "b", "c"]
    assert second["metadata"] == {"resourceVersion": "6"}


def test_a_piece_of_an_expired_list_is_http_410(cluster: SimulatedCluster) -> None:
    first = listed(cluster, limit=2)
    cluster.api.expire()
    refused = asked(cluster, "/api/v1/pods", limit=2, **{"continue": first["metadata"]["continue"]})
    assert refused.status_code == 410
    assert refused.json()["kind"] == "Status"
    assert refused.json()["reason"] == "Expired"


def test_a_watch_tells_what_changes_after_its_version(world: FixedWorld, cluster: SimulatedCluster) -> None:
    with watched(cluster, resourceVersion=version(cluster)) as events:
        world.api.put("pods", pod("d"))
        world.api.put("pods", pod("a", track="canary"))
        world.api.delete("pods", "shop/b")
        found = [next(events) for _ in range(3)]
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in found] == [
        ("ADDED", "d"),
        ("MODIFIED", "a"),
        ("DELETED", "b"),
    ]
    assert [event["object"]["metadata"]["resourceVersion"] for event in found] == ["7", "8", "9"]
    assert all(event["object"]["kind"] == "Pod" for event in found)


def test_a_watch_resumed_misses_nothing(world: FixedWorld, cluster: SimulatedCluster) -> None:
    world.api.put("pods", pod("d"))
    world.api.put("pods", pod("e"))
    with watched(cluster, resourceVersion=7) as events:
        assert next(events)["object"]["metadata"]["name"] == "e"


@pytest.mark.parametrize("since", [{}, {"resourceVersion": "0"}, {"resourceVersion": ""}])
def test_a_watch_from_no_version_begins_with_all_objects(cluster: SimulatedCluster, since: dict[str, str]) -> None:
    with watched(cluster, **since) as events:
        found = [next(events) for _ in range(3)]
    assert [event["type"] for event in found] == ["ADDED"] * 3


def test_a_step_of_a_fixed_world_goes_out_as_its_differences(world: FixedWorld, cluster: SimulatedCluster) -> None:
    with watched(cluster, resourceVersion=version(cluster)) as events:
        world.show(pods=[pod("a"), pod("c", track="canary"), pod("d")])
        found = [next(events) for _ in range(3)]
    assert [(event["type"], event["object"]["metadata"]["name"]) for event in found] == [
        ("DELETED", "b"),
        ("MODIFIED", "c"),
        ("ADDED", "d"),
    ]


def test_a_generated_cluster_changes_as_time_goes_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "_TICK_S", 0.05)
    now_s = [1_767_225_600]
    shape, layout = ClusterSize(nodes=1, pods_per_node=9), ListenAddresses(first_kubelet_ip="127.0.3.9")
    with (
        SimulatedCluster.generated(shape, layout, clock=lambda: now_s[0] * 10**9) as cluster,
        watched(cluster, resourceVersion=version(cluster)) as events,
    ):
        now_s[0] += 3600
        assert next(events)["type"] in {"ADDED", "MODIFIED", "DELETED"}


def test_bookmarks_tell_how_far_a_watch_has_come(world: FixedWorld) -> None:
    with (
        SimulatedCluster.fixed(world, bookmark_interval_s=0.01) as cluster,
        watched(cluster, resourceVersion=6, allowWatchBookmarks="true") as events,
    ):
        first = next(events)
        world.api.put("nodes", {"metadata": {"name": "n2"}})
        later = next(event for event in events if event["object"]["metadata"]["resourceVersion"] != "6")
    assert first["type"] == later["type"] == "BOOKMARK"
    assert first["object"]["kind"] == "Pod"
    assert first["object"]["metadata"]["resourceVersion"] == "6"
    assert later["object"]["metadata"]["resourceVersion"] == "7"


def test_a_watch_from_a_version_that_is_gone_is_told_so_and_ends(cluster: SimulatedCluster) -> None:
    cluster.api.expire()
    with watched(cluster, resourceVersion=6) as events:
        found = list(events)
    assert [event["type"] for event in found] == ["ERROR"]
    assert found[0]["object"]["kind"] == "Status"
    assert found[0]["object"]["code"] == 410
    assert found[0]["object"]["reason"] == "Expired"


def test_a_watch_from_a_version_that_is_gone_may_be_http_410(cluster: SimulatedCluster) -> None:
    cluster.api.expire()
    cluster.api.gone_as_status = True
    refused = asked(cluster, "/api/v1/pods", watch="true", resourceVersion=6)
    assert refused.status_code == 410
    assert refused.json()["code"] == 410


def test_a_running_watch_whose_changes_are_dropped_is_gone() -> None:
    world = FixedWorld(kept_changes=2)
    with SimulatedCluster.fixed(world) as cluster, watched(cluster, resourceVersion=1) as events:
        world.api.replace("pods", [pod(name) for name in "abcdefgh"])  # at once: the watch sees only the last two
        assert [event["type"] for event in events] == ["ERROR"]


def test_watches_can_be_cut(cluster: SimulatedCluster) -> None:
    with watched(cluster) as events:
        for _ in range(3):
            next(events)
        cluster.api.cut_watches()
        with pytest.raises(requests.RequestException):
            next(events)
    assert names(listed(cluster)["items"]) == ["a", "b", "c"]


def test_the_whole_server_can_fail_for_a_while(cluster: SimulatedCluster) -> None:
    cluster.api.failing_with = 503
    assert asked(cluster, "/api/v1/pods").status_code == 503
    cluster.api.failing_with = None
    assert asked(cluster, "/api/v1/pods").status_code == 200


@pytest.mark.parametrize(
    ("path", "query", "code", "message"),
    [
        pytest.param("/api/v1/secrets", {}, 404, "could not find the requested resource", id="unknown resource"),
        pytest.param("/api/v1/pods", {"limit": "x"}, 400, "limit: Invalid value: 'x'", id="limit"),
        pytest.param("/api/v1/pods", {"resourceVersion": "-1"}, 400, "resourceVersion: Invalid value", id="version"),
        pytest.param("/api/v1/pods", {"watch": "maybe"}, 400, "watch: Invalid value: 'maybe'", id="watch"),
        pytest.param("/api/v1/pods", {"continue": "x"}, 400, "continue key is not valid", id="continue"),
        pytest.param("/api/v1/pods", {"labelSelector": "a in (b)"}, 400, "labelSelector", id="sets are not done"),
        pytest.param("/api/v1/pods", {"fieldSelector": "a=b"}, 400, "fieldSelector", id="nor fields"),
    ],
)
def test_errors_are_status_objects(
    cluster: SimulatedCluster, path: str, query: dict[str, str], code: int, message: str
) -> None:
    refused = asked(cluster, path, **query)
    body = refused.json()
    assert refused.status_code == code
    assert (body["kind"], body["status"], body["code"]) == ("Status", "Failure", code)
    assert message in body["message"]


def test_nothing_can_be_written(cluster: SimulatedCluster) -> None:
    refused = requests.post(f"{cluster.api_url}/api/v1/pods", json={}, timeout=SECONDS)
    assert refused.status_code == 405
    assert refused.json()["kind"] == "Status"


def test_it_says_that_it_is_well_and_which_version_it_is(cluster: SimulatedCluster) -> None:
    for check in ("/healthz", "/livez", "/readyz"):
        assert asked(cluster, check).text == "ok"
    assert asked(cluster, "/version").json()["major"] == "1"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("app=web", ["a"]),
        ("app==web,track", []),
        ("app!=web", ["b", "c"]),
        ("app", ["a", "b"]),
        ("!app", ["c"]),
        ("app,app!=db", ["a"]),
    ],
)
def test_a_label_selector_chooses(
    world: FixedWorld, cluster: SimulatedCluster, selector: str, expected: list[str]
) -> None:
    world.show(pods=[pod("a", app="web"), pod("b", app="db"), pod("c")])
    assert names(listed(cluster, labelSelector=selector)["items"]) == expected


def test_a_watch_of_a_selection_sees_what_leaves_it(world: FixedWorld, cluster: SimulatedCluster) -> None:
    with watched(cluster, resourceVersion=version(cluster), labelSelector="app=web") as events:
        world.api.put("pods", pod("a", app="web"))
        world.api.put("pods", pod("a", app="db"))
        found = [next(events) for _ in range(2)]
    assert [event["type"] for event in found] == ["MODIFIED", "DELETED"]


@pytest.mark.parametrize(
    ("token", "path", "query", "code"),
    [
        pytest.param("", "/api/v1/pods", {}, 401, id="no token"),
        pytest.param("other", "/api/v1/pods", {}, 401, id="one that nobody has"),
        pytest.param("reader", "/api/v1/pods", {}, 200, id="may list"),
        pytest.param("reader", "/api/v1/pods", {"watch": "true"}, 403, id="may not watch"),
        pytest.param("reader", "/api/v1/nodes", {}, 403, id="may not list those"),
        pytest.param("reader", "/api/v1/nodes/n1/proxy/pods", {}, 403, id="may not reach kubelets"),
        pytest.param("", "/version", {}, 200, id="everybody may ask that"),
    ],
)
def test_a_token_has_the_rights_of_its_owner(
    cluster: SimulatedCluster, token: str, path: str, query: dict[str, str], code: int
) -> None:
    cluster.api.guard.tokens = {"reader": frozenset({"list pods"})}
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    found = requests.get(cluster.api_url + path, params=query, headers=headers, timeout=SECONDS)
    assert found.status_code == code
