import asyncio
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests

from simulator.cluster import ClusterSize
from simulator.faults import HEALTHY, MALFORMED, Fault
from simulator.listening import ListenAddresses
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld

SECONDS = 10
DOCUMENT = b'{"node":{"nodeName":"n1","cpu":{"time":"2024-01-01T00:00:00Z"}},"pods":[]}'


def node(name: str, address: str) -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"addresses": [{"type": "InternalIP", "address": address}]}}


@pytest.fixture
def world() -> FixedWorld:
    world = FixedWorld()
    world.show(nodes=[node("n1", "127.0.3.1"), node("n2", "127.0.3.2")], summaries={"n1": DOCUMENT})
    return world


@pytest.fixture
def cluster(world: FixedWorld) -> Iterator[SimulatedCluster]:
    with SimulatedCluster.fixed(world) as running:
        yield running


def summary(
    cluster: SimulatedCluster, name: str = "n1", path: str = "/stats/summary", timeout_s: float = SECONDS
) -> Any:
    where = cluster.endpoints[name]
    return requests.get(f"http://{where.address}:{where.port}{path}", timeout=timeout_s)


@pytest.mark.parametrize("path", ["/stats/summary", "/stats/summary/"])
def test_the_document_is_answered_byte_for_byte(cluster: SimulatedCluster, path: str) -> None:
    response = summary(cluster, path=path)
    assert response.status_code == 200
    assert response.content == DOCUMENT
    assert "Date" in response.headers


def test_each_kubelet_listens_on_its_nodes_address_and_all_on_one_port(cluster: SimulatedCluster) -> None:
    assert cluster.addresses == {"n1": "127.0.3.1", "n2": "127.0.3.2"}
    assert {where.port for where in cluster.endpoints.values()} == {cluster.kubelet_port}


def test_a_node_that_appears_later_has_its_kubelet_from_the_beginning() -> None:
    world = FixedWorld()
    with SimulatedCluster.fixed(world, addresses={"late": "127.0.3.3"}) as cluster:
        assert summary(cluster, "late").status_code == 404
        world.show(nodes=[node("late", "127.0.3.3")], summaries={"late": {"node": {}}})
        assert summary(cluster, "late").content == b'{"node":{}}'


def test_the_next_step_shows_another_document(world: FixedWorld, cluster: SimulatedCluster) -> None:
    world.show(summaries={"n1": b"{}"})
    assert summary(cluster).content == b"{}"


@pytest.mark.parametrize("path", ["/", "/stats/container/"])
def test_nothing_else_is_there(cluster: SimulatedCluster, path: str) -> None:
    assert summary(cluster, path=path).status_code == 404


@pytest.mark.parametrize("status", [401, 404, 500])
def test_it_may_answer_an_error(cluster: SimulatedCluster, status: int) -> None:
    cluster.kubelets["n1"].fault = Fault(status=status)
    assert summary(cluster).status_code == status


def test_it_may_answer_malformed_json(cluster: SimulatedCluster) -> None:
    cluster.kubelets["n1"].fault = MALFORMED
    with pytest.raises(requests.JSONDecodeError):
        summary(cluster).json()


def test_it_may_cut_the_connection_in_the_middle(cluster: SimulatedCluster) -> None:
    cluster.kubelets["n1"].fault = Fault(cut=True)
    with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
        summary(cluster)


def test_it_may_never_answer(cluster: SimulatedCluster) -> None:
    cluster.kubelets["n1"].fault = Fault(hang=True)
    with pytest.raises(requests.ReadTimeout):
        summary(cluster, timeout_s=0.05)


def test_it_may_answer_late(cluster: SimulatedCluster) -> None:
    cluster.kubelets["n1"].fault = Fault(delay_s=0.2)
    with pytest.raises(requests.ReadTimeout):
        summary(cluster, timeout_s=0.02)
    assert summary(cluster).content == DOCUMENT


def test_its_clock_may_be_wrong(cluster: SimulatedCluster) -> None:
    well = parsedate_to_datetime(summary(cluster).headers["Date"])
    cluster.kubelets["n1"].fault = Fault(clock_offset_s=-3600)
    response = summary(cluster)
    assert response.json()["node"]["cpu"]["time"] == "2023-12-31T23:00:00Z"
    assert -3600 <= (parsedate_to_datetime(response.headers["Date"]) - well).total_seconds() < -3500


def test_a_fault_is_one_kubelets_own_and_can_be_mended(cluster: SimulatedCluster, world: FixedWorld) -> None:
    world.show(summaries={"n1": DOCUMENT, "n2": b"{}"})
    cluster.kubelets["n1"].fault = Fault(status=500)
    assert summary(cluster, "n2").status_code == 200
    cluster.kubelets["n1"].fault = HEALTHY
    assert summary(cluster).status_code == 200
    assert [kubelet.requests for kubelet in cluster.kubelets.values()] == [1, 1]


def test_stopping_waits_for_no_hanging_answer(world: FixedWorld) -> None:
    with SimulatedCluster.fixed(world) as cluster:
        cluster.kubelets["n1"].fault = Fault(hang=True)
        where = cluster.endpoints["n1"]
        hanging = requests.Session()
        with pytest.raises(requests.ReadTimeout):
            hanging.get(f"http://{where.address}:{where.port}/stats/summary", timeout=0.05)
    hanging.close()
    with pytest.raises(requests.ConnectionError):
        summary(cluster)


def test_a_generated_cluster_serves_every_nodes_document() -> None:
    layout = ListenAddresses(first_kubelet_ip="127.0.4.1")
    with SimulatedCluster.generated(ClusterSize(nodes=2, pods_per_node=3), layout) as cluster:
        found = {name: summary(cluster, name).json() for name in cluster.endpoints}
        nodes = requests.get(f"{cluster.api_url}/api/v1/nodes", timeout=SECONDS).json()["items"]
    assert {name: document["node"]["nodeName"] for name, document in found.items()} == {
        "node-000": "node-000",
        "node-001": "node-001",
    }
    assert [each["status"]["addresses"][0]["address"] for each in nodes] == ["127.0.4.1", "127.0.4.2"]


def test_on_one_address_each_node_tells_its_kubelets_port() -> None:
    layout = ListenAddresses(one_address=True)
    with SimulatedCluster.generated(ClusterSize(nodes=2, pods_per_node=1), layout) as cluster:
        nodes = requests.get(f"{cluster.api_url}/api/v1/nodes", timeout=SECONDS).json()["items"]
        ports = [each["status"]["daemonEndpoints"]["kubeletEndpoint"]["Port"] for each in nodes]
        documents = [requests.get(f"http://127.0.0.1:{port}/stats/summary", timeout=SECONDS).json() for port in ports]
    assert [each["node"]["nodeName"] for each in documents] == ["node-000", "node-001"]
    assert [each["status"]["addresses"][0]["address"] for each in nodes] == ["127.0.0.1", "127.0.0.1"]


def test_it_serves_within_a_running_loop_too(world: FixedWorld) -> None:
    async def ask() -> bytes:
        async with SimulatedCluster.fixed(world) as cluster:
            response = await asyncio.to_thread(summary, cluster)
            return bytes(response.content)

    assert asyncio.run(ask()) == DOCUMENT


def listed(cluster: SimulatedCluster) -> list[dict[str, Any]]:
    return list(summary(cluster, path="/pods").json()["items"])


def test_it_lists_the_pods_on_its_node(world: FixedWorld, cluster: SimulatedCluster) -> None:
    here = {"metadata": {"name": "a", "namespace": "shop", "uid": "u"}, "spec": {"nodeName": "n1"}}
    there = {"metadata": {"name": "b", "namespace": "shop"}, "spec": {"nodeName": "n2"}}
    world.show(pods=[here, there, {"metadata": {"name": "c", "namespace": "shop"}}])
    assert [pod["metadata"]["name"] for pod in listed(cluster)] == ["a"]


def test_a_static_pod_has_the_kubelets_own_uid(world: FixedWorld, cluster: SimulatedCluster) -> None:
    mirrored = {"kubernetes.io/config.mirror": "hash"}
    mirror = {"name": "etcd", "namespace": "kube-system", "uid": "of-the-api", "annotations": mirrored}
    world.show(pods=[{"metadata": mirror, "spec": {"nodeName": "n1"}}])
    (found,) = listed(cluster)
    assert found["metadata"]["uid"] == "hash"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        pytest.param("n1", 200, id="its own port"),
        pytest.param("http:n1:PORT", 200, id="named"),
        pytest.param("n1:1", 503, id="one where nobody listens"),
        pytest.param("other", 404, id="no such node"),
    ],
)
def test_the_api_server_reaches_it_too(cluster: SimulatedCluster, path: str, code: int) -> None:
    name = path.replace("PORT", str(cluster.kubelet_port))
    found = requests.get(f"{cluster.api_url}/api/v1/nodes/{name}/proxy/stats/summary", timeout=SECONDS)
    assert found.status_code == code
    assert code != 200 or found.content == DOCUMENT
