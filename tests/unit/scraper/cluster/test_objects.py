from typing import Any

import orjson
import pytest

from schemas.node_scrape import ApiContainer, ApiPod
from scraper.cluster import objects
from scraper.cluster.objects import ClusterNamespace, ClusterNode, PodReader, namespace_of, node_of, pod_of, runs

NODE = {
    "metadata": {
        "name": "n1",
        "uid": "node-uid",
        "labels": {"zone": "a"},
        "annotations": {"example.org/machine": "m-7"},
    },
    "spec": {"externalID": "i-1", "unschedulable": True},
    "status": {
        "capacity": {"cpu": "4", "memory": "8052392Ki"},
        "allocatable": {"cpu": "3920m"},
        "conditions": [{"type": "MemoryPressure", "status": "False"}, {"type": "Ready", "status": "True"}],
        "addresses": [{"type": "Hostname", "address": "h1"}, {"type": "InternalIP", "address": "10.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
    },
}


def addressed(*addresses: tuple[str, str]) -> dict[str, Any]:
    found = [{"type": kind, "address": address} for kind, address in addresses]
    return {"metadata": {"name": "n1"}, "status": {"addresses": found}}


def test_a_node_is_converted() -> None:
    assert node_of(NODE, "example.org/machine") == ClusterNode(
        name="n1",
        uid="node-uid",
        ready=True,
        hostname="h1",
        address="10.0.0.1",
        kubelet_port=10250,
        host_id="i-1",
        unschedulable=True,
        labels={"zone": "a"},
        capacity={"cpu": "4", "memory": "8052392Ki"},
        allocatable={"cpu": "3920m"},
    )


def test_missing_fields_of_a_node_get_defaults() -> None:
    assert node_of({"metadata": {"name": "n1"}}, "") == ClusterNode(
        name="n1",
        uid="",
        ready=True,
        hostname="n1",
        address=None,
        kubelet_port=None,
        host_id="",
        unschedulable=False,
    )


@pytest.mark.parametrize(
    ("external_id", "annotation", "expected"),
    [
        pytest.param("i-1", "example.org/machine", "i-1", id="externalID is preferred"),
        pytest.param("", "example.org/machine", "m-7", id="otherwise the annotation"),
        pytest.param("", "", "", id="no annotation configured"),
        pytest.param("", "example.org/other", "", id="annotation missing on the node"),
    ],
)
def test_host_id(external_id: str, annotation: str, expected: str) -> None:
    node = {**NODE, "spec": {"externalID": external_id}}
    assert node_of(node, annotation).host_id == expected


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        pytest.param([{"type": "Ready", "status": "True"}], True, id="True"),
        pytest.param([{"type": "Ready", "status": "False"}], False, id="False"),
        pytest.param([{"type": "Ready", "status": "Unknown"}], False, id="Unknown"),
        pytest.param([{"type": "Ready"}], False, id="without status"),
        pytest.param([{"type": "DiskPressure", "status": "False"}], True, id="no Ready condition"),
        pytest.param(None, True, id="no conditions"),
    ],
)
def test_readiness(conditions: list[dict[str, str]] | None, *, expected: bool) -> None:
    assert node_of({"metadata": {"name": "n"}, "status": {"conditions": conditions}}, "").ready is expected


IN, EX, HOST, DNS = "InternalIP", "ExternalIP", "Hostname", "InternalDNS"


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        pytest.param([(IN, "10.0.0.1")], "10.0.0.1", id="an InternalIP"),
        pytest.param([(IN, "10.0.0.1"), (IN, "10.0.0.2")], "10.0.0.2", id="a later InternalIP overwrites"),
        pytest.param([(EX, "1.2.3.4")], "1.2.3.4", id="an ExternalIP if there is no InternalIP"),
        pytest.param([(EX, "1.2.3.4"), (IN, "10.0.0.1")], "10.0.0.1", id="an InternalIP replaces an ExternalIP"),
        pytest.param(
            [(IN, "10.0.0.1"), (EX, "1.2.3.4")], "10.0.0.1", id="an ExternalIP does not replace an InternalIP"
        ),
        pytest.param([(EX, "1.2.3.4"), (EX, "5.6.7.8")], "1.2.3.4", id="the first of two ExternalIPs"),
        pytest.param([(IN, "box"), (EX, "1.2.3.4")], "1.2.3.4", id="an invalid InternalIP is ignored"),
        pytest.param([(EX, "box"), (EX, "1.2.3.4")], None, id="an invalid ExternalIP gives no address"),
        pytest.param([(EX, "box"), (IN, "10.0.0.1")], "10.0.0.1", id="an InternalIP replaces an invalid ExternalIP"),
        pytest.param([(IN, "fd00::1")], "fd00::1", id="IPv6"),
        pytest.param([(IN, "fe80::1%eth0")], None, id="IPv6 with a zone"),
        pytest.param([(IN, "10.0.0.01")], None, id="a leading zero"),
        pytest.param([(HOST, "10.0.0.1"), (DNS, "box")], None, id="neither InternalIP nor ExternalIP"),
        pytest.param([], None, id="no addresses"),
    ],
)
def test_the_default_address(addresses: list[tuple[str, str]], expected: str | None) -> None:
    assert node_of(addressed(*addresses), "").address == expected


EVERYTHING = [(HOST, "h1"), (EX, "1.2.3.4"), (IN, "fd00::1"), (IN, "10.0.0.1"), (DNS, "n1.internal")]


@pytest.mark.parametrize(
    ("types", "addresses", "expected"),
    [
        pytest.param([IN], EVERYTHING, "fd00::1", id="the first of its type"),
        pytest.param([EX, IN], EVERYTHING, "1.2.3.4", id="in the order of preference"),
        pytest.param([HOST], EVERYTHING, "h1", id="a name"),
        pytest.param([DNS, HOST], EVERYTHING, "n1.internal", id="a DNS name"),
        pytest.param(["ExternalDNS", EX], EVERYTHING, "1.2.3.4", id="the next type if the first is missing"),
        pytest.param(
            [IN, EX],
            [(IN, "box"), (IN, "10.0.0.2"), (EX, "1.2.3.4")],
            "10.0.0.2",
            id="an invalid IP address is ignored",
        ),
        pytest.param([HOST], [(HOST, "h1/x"), (HOST, "")], None, id="an invalid name is ignored"),
        pytest.param(["ExternalDNS"], EVERYTHING, None, id="no address of that type"),
    ],
)
def test_the_address_by_preferred_types(
    types: list[str], addresses: list[tuple[str, str]], expected: str | None
) -> None:
    assert node_of(addressed(*addresses), "", types).address == expected


@pytest.mark.parametrize(
    ("addresses", "expected"),
    [
        pytest.param([(HOST, "h1")], "h1", id="Hostname"),
        pytest.param([(HOST, "h1"), (HOST, "h2"), (HOST, "")], "h2", id="the last Hostname that is not empty"),
        pytest.param([(IN, "10.0.0.1")], "n1", id="otherwise the name of the node"),
    ],
)
def test_the_hostname(addresses: list[tuple[str, str]], expected: str) -> None:
    assert node_of(addressed(*addresses), "").hostname == expected


def test_a_kubelet_port_of_zero_is_ignored() -> None:
    endpoints = {"daemonEndpoints": {"kubeletEndpoint": {"Port": 0}}}
    assert node_of({"metadata": {"name": "n"}, "status": endpoints}, "").kubelet_port is None


def test_a_pod_is_converted() -> None:
    pod = {
        "metadata": {
            "name": "web-1",
            "namespace": "shop",
            "uid": "pod-uid",
            "labels": {"app": "web"},
            "ownerReferences": [
                {"kind": "Other", "name": "x"},
                {"kind": "ReplicaSet", "name": "web", "controller": True},
            ],
        },
        "spec": {
            "nodeName": "n1",
            "initContainers": [{"name": "init", "image": "i"}],
            "containers": [
                {
                    "name": "a",
                    "image": "web:1",
                    "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
                },
                {"name": "b"},
            ],
        },
        "status": {
            "phase": "Running",
            "startTime": "2017-08-02T00:00:01Z",
            "containerStatuses": [{"name": "a", "restartCount": 3}, {"name": "b"}],
        },
    }
    assert pod_of(pod) == ApiPod(
        namespace="shop",
        name="web-1",
        uid="pod-uid",
        node="n1",
        phase="Running",
        start_time_ns=1_501_632_001_000_000_000,
        owner_kind="ReplicaSet",
        owner_name="web",
        labels={"app": "web"},
        restarts={"a": 3, "b": 0},
        containers=(
            ApiContainer(name="a", image="web:1", requests={"cpu": "100m"}, limits={"memory": "1Gi"}),
            ApiContainer(name="b", image=""),
        ),
    )


def test_missing_fields_of_a_pod_get_defaults() -> None:
    bare = {"metadata": {"name": "p", "namespace": "shop", "labels": None}, "spec": {}, "status": {"startTime": "soon"}}
    assert pod_of(bare) == ApiPod(namespace="shop", name="p", uid="")


@pytest.mark.parametrize(
    ("node", "phase", "expected"),
    [
        ("n1", "Running", True),
        ("n1", "Pending", True),
        ("n1", "Unknown", True),
        ("n1", "", True),
        ("n1", "Succeeded", False),
        ("n1", "Failed", False),
        ("", "Pending", False),
    ],
)
def test_a_pod_runs_on_a_node_until_it_is_finished(node: str, phase: str, *, expected: bool) -> None:
    assert runs(ApiPod(namespace="shop", name="p", uid="", node=node, phase=phase)) is expected


def test_a_namespace_is_converted() -> None:
    found = namespace_of({"metadata": {"name": "shop", "uid": "ns-uid", "labels": {"team": "x"}}})
    assert found == ClusterNamespace("shop", "ns-uid", {"team": "x"})


def test_equal_parts_of_pods_are_shared_in_memory() -> None:
    def web(name: str, **labels: str) -> dict[str, Any]:
        container = {"name": "a", "image": "web:1", "resources": {"requests": {"cpu": "100m"}}}
        return {
            "metadata": {"name": name, "namespace": "shop", "labels": {"app": "web", **labels}},
            "spec": {"nodeName": f"n{len(name)}", "containers": [container]},
            "status": {"containerStatuses": [{"name": "a", "restartCount": 0}]},
        }

    read = PodReader()
    first, second, other = (read(orjson.loads(orjson.dumps(each))) for each in (web("a"), web("b"), web("c", x="y")))
    assert first.labels is second.labels
    assert first.containers is second.containers
    assert first.restarts is second.restarts
    assert first.node is second.node
    assert (other.labels, other.containers) == ({"app": "web", "x": "y"}, first.containers)


def test_empty_parts_of_different_types_are_not_mixed_up() -> None:
    read = PodReader()
    bare = read({"metadata": {"name": "p", "namespace": "shop"}})
    assert (bare.labels, bare.restarts, bare.containers) == ({}, {}, ())


def test_the_number_of_shared_parts_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "MAX_SHARED", 10)
    read = PodReader()
    pods = [read({"metadata": {"name": "p", "labels": {"n": str(number)}}}) for number in range(100)]
    assert len(read._shared) <= 10
    assert [pod.labels for pod in pods] == [{"n": str(number)} for number in range(100)]
