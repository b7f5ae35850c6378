"""`scraper --check` against servers with certificates, tokens and rights; Kafka is tried in tests/integration."""

import logging
import socket
from collections.abc import Callable, Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner
from rich.console import Console

from heapster_stream.__main__ import program
from runtime import topics as topics_of_kafka
from runtime.kafka import KafkaSettings
from schemas.topics import topics
from scraper.check import probe as check
from scraper.check.diagnosis import Finding, Right, cluster_role
from scraper.check.report import notes_taken, report
from simulator.faults import Fault
from simulator.guard import ALL_RIGHTS
from simulator.node_proxy import TOKEN
from simulator.server import SimulatedCluster, Tls
from simulator.world import FixedWorld
from tests.sources import ca_file, kubeconfig, serving

NOBODY = "127.0.0.1:9"
ADDRESSES = {"n1": "127.0.6.11", "n2": "127.0.6.12", "n3": "127.0.6.13"}
VERSIONS = {"n1": "v1.30.1", "n2": "v1.31.0", "n3": "v1.31.0"}
DOCUMENT = b'{"node":{"nodeName":"n1"},"pods":[]}'


@pytest.fixture(autouse=True)
def _kafka_is_not_waited_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topics_of_kafka, "_REQUEST_TIMEOUT_S", 0.05)


def node(name: str, *, ready: bool = True) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"name": name}},
        "status": {
            "addresses": [{"type": "InternalIP", "address": ADDRESSES[name]}],
            "conditions": [{"type": "Ready", "status": str(ready)}],
            "nodeInfo": {"kubeletVersion": VERSIONS[name]},
        },
    }


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def world() -> FixedWorld:
    world = FixedWorld()
    world.show(nodes=[node(name) for name in ADDRESSES], summaries=dict.fromkeys(ADDRESSES, DOCUMENT))
    return world


@pytest.fixture
def cluster(authority: trustme.CA, world: FixedWorld) -> Iterator[SimulatedCluster]:
    tls = Tls(serving(authority, "127.0.0.1"), serving(authority, *ADDRESSES.values()))
    with SimulatedCluster.fixed(world, tls=tls) as running:
        give(running, ALL_RIGHTS)
        yield running


def give(cluster: SimulatedCluster, rights: frozenset[str]) -> None:
    for guard in (cluster.api.guard, *(kubelet.guard for kubelet in cluster.kubelets.values())):
        guard.tokens = {"secret": rights, TOKEN: ALL_RIGHTS}


Found = Mapping[str, Finding]


@pytest.fixture
def checked(cluster: SimulatedCluster, authority: trustme.CA, tmp_path: Path) -> Callable[..., Found]:
    path = kubeconfig(
        tmp_path,
        cluster.api_url,
        cluster=f"certificate-authority: {ca_file(authority, tmp_path)}",
        user="token: secret",
    )

    def checked(options: str = "") -> Found:
        return found(f"kubernetes:?inClusterConfig=false&auth={path}&kubeletHttps=true&kubeletPort={port}{options}")

    port = cluster.kubelet_port
    return checked


def found(source: str) -> Found:
    each = list(check.findings((source,), KafkaSettings(NOBODY), topics("").kubelet_stats))
    assert "secret" not in str(each)
    assert each[-1].what == "Kafka"
    assert "does not answer" in each[-1].found
    return {finding.what: finding for finding in each[:-1]}


def test_all_is_tried_and_one_kubelet_of_each_version(checked: Callable[..., Found]) -> None:
    found = checked()
    assert list(found) == [
        "the source",
        "list nodes",
        "watch nodes",
        "list pods",
        "watch pods",
        "list namespaces",
        "watch namespaces",
        "nodes to scrape",
        "kubelet v1.30.1 (n1)",
        "kubelet v1.31.0 (n2)",
    ]
    assert all(finding.good for finding in found.values())
    assert found["nodes to scrape"].found == "3 of 3 can be scraped"
    assert found["kubelet v1.31.0 (n2)"].found == f"{len(DOCUMENT)} bytes about 0 pods"


def test_what_the_source_does_not_need_is_not_tried(checked: Callable[..., Found]) -> None:
    found = checked("&podSource=kubelet&labelSelector=name%3Dn1")
    assert [name for name in found if "pods" in name or "v1.31" in name] == []
    assert found["kubelet v1.30.1 (n1)"].found.endswith("its list of 0 pods")


def test_rights_that_are_missing(cluster: SimulatedCluster, checked: Callable[..., Found]) -> None:
    give(cluster, ALL_RIGHTS - {"watch pods", "list namespaces", "get nodes/stats", "get nodes/proxy"})
    found = checked()
    bad = {name: finding.missing for name, finding in found.items() if not finding.good}
    assert bad == {
        "watch pods": (Right("watch", "pods"),),
        "list namespaces": (Right("list", "namespaces"), Right("watch", "namespaces")),
        "kubelet v1.30.1 (n1)": (Right("get", "nodes/stats"),),
        "kubelet v1.31.0 (n2)": (Right("get", "nodes/stats"),),
    }


def test_a_kubelet_that_hangs_does_not_hold_up_the_others(
    cluster: SimulatedCluster, checked: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "KUBELET_S", 0.5)
    cluster.kubelets["n1"].fault = Fault(hang=True)
    found = checked()
    assert "no complete answer within 0.5 s" in found["kubelet v1.30.1 (n1)"].found
    assert found["kubelet v1.31.0 (n2)"].good


def test_nodes_that_are_not_ready_are_named(world: FixedWorld, checked: Callable[..., Found]) -> None:
    world.show(nodes=[node("n1"), node("n2", ready=False)])
    found = checked()
    assert found["nodes to scrape"].found == "1 of 2 can be scraped: node n2 is not ready"
    world.show(nodes=[node("n2", ready=False)])
    assert not checked()["nodes to scrape"].good


def test_who_is_not_accepted_is_told_once(cluster: SimulatedCluster, checked: Callable[..., Found]) -> None:
    cluster.api.guard.tokens = {}
    found = checked()
    assert list(found) == ["the source", "API server"]
    assert found["API server"].found == "HTTP 401: the API server does not accept who we are: Unauthorized"


def test_an_api_server_by_another_ca(cluster: SimulatedCluster) -> None:
    told = found(f"kubernetes:{cluster.api_url}?inClusterConfig=false")["API server"]
    assert "certificate verify failed" in told.found
    assert "insecure=true" in told.advice


def test_an_api_server_that_is_not_there() -> None:
    assert found(f"kubernetes:http://{NOBODY}?inClusterConfig=false")["API server"].found.endswith("Connection refused")


def test_an_api_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "LONGEST_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        each = list(
            check.findings(
                (f"kubernetes:http://127.0.0.1:{port}?inClusterConfig=false",),
                KafkaSettings(NOBODY),
                topics("").kubelet_stats,
            )
        )
    assert [finding.found for finding in each if finding.what == "API server"] == ["no end after 0 s"]


def test_an_api_server_that_talks_nonsense(raw_server: Callable[..., Any]) -> None:
    body = b'{"items": [{"metadata": {"ownerReferences": 7}, "status": 7}, 8]}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    server = raw_server(lambda connection: connection.sendall(answer))
    told = found(f"kubernetes:http://127.0.0.1:{server.port}?inClusterConfig=false")
    assert not all(finding.good for finding in told.values())


def test_a_source_that_cannot_be_read() -> None:
    told = found("kubernetes:?inClusterConfig=false&auth=/nowhere")["the source"]
    assert told.found == "--source=kubernetes: auth=/nowhere: No such file or directory"


def test_the_command_prints_a_table_and_ends_with_status_1(cluster: SimulatedCluster) -> None:
    source = f"--source=kubernetes:{cluster.api_url}?inClusterConfig=false&insecure=true"
    result = CliRunner().invoke(program, ["scraper", "--check", source, f"--kafka-brokers={NOBODY}"])
    assert result.exit_code == 1
    assert "API server" in result.output
    assert "note: the certificate of the API server is not verified" in result.output
    assert "Traceback" not in result.output


def test_all_is_well() -> None:
    shown = StringIO()
    report([Finding("Kafka", good=True, found="topic [kubelet-stats]")], [], Console(file=shown, width=80))
    assert "topic [kubelet-stats]" in shown.getvalue()
    assert shown.getvalue().endswith("All is well.\n")


def test_missing_rights_become_a_role() -> None:
    rights = [Right("list", "pods"), Right("watch", "pods"), Right("watch", "nodes"), Right("list", "nodes")]
    assert cluster_role([*rights, Right("get", "nodes/stats"), Right("list", "pods")]) == (
        "apiVersion: rbac.authorization.k8s.io/v1\n"
        "kind: ClusterRole\n"
        "metadata:\n"
        "  name: heapster-stream-scraper\n"
        "rules:\n"
        '  - apiGroups: [""]\n'
        "    resources: [nodes, pods]\n"
        "    verbs: [list, watch]\n"
        '  - apiGroups: [""]\n'
        "    resources: [nodes/stats]\n"
        "    verbs: [get]\n"
    )


def test_what_is_logged_on_the_way_is_a_note(caplog: pytest.LogCaptureFixture) -> None:
    with notes_taken() as notes:
        logging.getLogger().error("exec: process returned 1. no network")
    assert notes == ["exec: process returned 1. no network"]
    assert caplog.records == []
