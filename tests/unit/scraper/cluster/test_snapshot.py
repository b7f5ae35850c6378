from dataclasses import replace

import pytest

from schemas.node_scrape import ApiNamespace, ApiPod, ApiWorkload
from scraper.cluster.objects import ClusterNamespace, ClusterNode
from scraper.cluster.snapshot import Snapshot


def node(name: str, *, ready: bool = True, address: str | None = "10.0.0.1") -> ClusterNode:
    return ClusterNode(
        name=name,
        uid="",
        ready=ready,
        hostname=name,
        address=address,
        kubelet_port=None,
        host_id="",
        unschedulable=False,
    )


def pod(name: str, on: str = "", *, namespace: str = "shop", phase: str = "Running") -> ApiPod:
    return ApiPod(namespace=namespace, name=name, uid=f"uid-{name}", node=on, phase=phase)


def snapshot(*pods: ApiPod, nodes: tuple[ClusterNode, ...] = (node("n1"), node("n2"))) -> Snapshot:
    namespaces = [ClusterNamespace("shop", "ns-1", {"team": "x"}), ClusterNamespace("ops", "ns-2", {})]
    return Snapshot.of(nodes, pods, namespaces)


def namespace_nodes(found: tuple[ApiNamespace, ...]) -> dict[str, int]:
    return {each.name: each.nodes for each in found}


def test_nodes_that_cannot_be_scraped_are_skipped_with_a_reason() -> None:
    found = snapshot(nodes=(node("n1"), node("n2", ready=False), node("n3", address=None)))
    assert found.nodes.keys() == {"n1"}
    assert found.skipped == {
        "n2": "node n2 is not ready",
        "n3": "node n3 has no valid hostname and/or IP address",
    }


@pytest.mark.parametrize(
    ("listed", "expected"),
    [
        pytest.param(set(), ["a", "finished"], id="pods on the node, finished or not"),
        pytest.param({("shop", "a")}, ["a", "finished"], id="plus a listed pod on the node"),
        pytest.param({("shop", "b")}, ["a", "b", "finished"], id="plus a listed pod on another node"),
        pytest.param({("shop", "waiting")}, ["a", "finished", "waiting"], id="plus a listed pod not assigned yet"),
        pytest.param(
            {("ops", "a"), ("shop", "gone")}, ["a", "finished"], id="a listed pod unknown to the API is ignored"
        ),
    ],
)
def test_the_pods_of_a_node(listed: set[tuple[str, str]], expected: list[str]) -> None:
    found = snapshot(pod("finished", "n1", phase="Failed"), pod("a", "n1"), pod("b", "n2"), pod("waiting"))
    assert [each.name for each in found.pods_for("n1", listed)] == expected


def test_the_namespaces_of_a_node() -> None:
    found = snapshot(pod("a", "n1"), pod("b", "n2")).namespaces_for("n1", set())
    assert found == (ApiNamespace(name="shop", uid="ns-1", nodes=2, labels={"team": "x"}),)


@pytest.mark.parametrize(
    ("pods", "listed", "expected"),
    [
        pytest.param([pod("a", "n1"), pod("b", "n1")], set(), {"shop": 1}, id="one node, two pods"),
        pytest.param([pod("a", "n1"), pod("b", "n2")], set(), {"shop": 2}, id="two nodes"),
        pytest.param([pod("a", "n1"), pod("b", "n3")], set(), {"shop": 1}, id="a skipped node does not count"),
        pytest.param([pod("a", "n1"), pod("b", "n2", phase="Failed")], set(), {"shop": 1}, id="a pod that is over"),
        pytest.param([pod("a", "n1", phase="Succeeded")], set(), {"shop": 0}, id="over everywhere"),
        pytest.param([pod("a", "n2")], {("shop", "new")}, {"shop": 2}, id="this node by its kubelet's word"),
        pytest.param([pod("a", "n2")], {("shop", "a")}, {"shop": 1}, id="listed here, by the API on another node"),
        pytest.param([], {("none", "a")}, {}, id="a namespace that the API does not know"),
        pytest.param([], {("ops", "a")}, {"ops": 1}, id="a namespace without pods in the API"),
    ],
)
def test_the_nodes_of_a_namespace(pods: list[ApiPod], listed: set[tuple[str, str]], expected: dict[str, int]) -> None:
    assert namespace_nodes(snapshot(*pods).namespaces_for("n1", listed)) == expected


def test_workloads_have_the_number_of_nodes_that_run_their_pods() -> None:
    def of(name: str, on: str, *, phase: str = "Running") -> ApiPod:
        return replace(pod(name, on, phase=phase), owner_kind="DaemonSet", owner_name="log")

    found = snapshot(of("log-1", "n1"), of("log-2", "n2"), of("log-3", "n3"), of("log-4", "n1"), pod("bare", "n1"))
    log = ApiWorkload(namespace="shop", kind="DaemonSet", name="log", nodes=2)
    assert found.workloads_for("n1", set()) == (log,)
    assert found.workloads_for("n2", set()) == (log,)
    assert snapshot(pod("bare", "n1")).workloads_for("n1", set()) == ()


def test_a_node_counts_if_its_kubelet_lists_an_unassigned_pod_of_the_workload() -> None:
    waiting = replace(pod("log-1", phase="Pending"), owner_kind="DaemonSet", owner_name="log")
    moved = replace(pod("log-2", "n2"), owner_kind="DaemonSet", owner_name="log")
    found = snapshot(waiting, moved)
    assert [each.nodes for each in found.workloads_for("n1", {("shop", "log-1")})] == [2]
    assert [each.nodes for each in found.workloads_for("n1", {("shop", "log-2")})] == [1]


def test_with_pods_replaces_the_pods_of_the_api() -> None:
    found = snapshot(pod("b", "n2")).with_pods(
        [pod("a", "n1"), pod("finished", "n1", phase="Succeeded", namespace="ops")]
    )
    assert [each.name for each in found.pods_for("n1", {("shop", "a"), ("shop", "b")})] == ["finished", "a"]
    assert namespace_nodes(found.namespaces_for("n1", set())) == {"shop": 1, "ops": 0}
    assert found.nodes.keys() == {"n1", "n2"}
