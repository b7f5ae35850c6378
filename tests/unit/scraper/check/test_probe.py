"""`scraper --check` against servers with certificates, tokens and permissions; tests/integration checks Kafka."""

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
from scraper.check import probe
from scraper.check.diagnosis import Finding, Permission, cluster_role
from scraper.check.report import captured_warnings, report
from simulator.faults import Fault
from simulator.guard import ALL_RIGHTS
from simulator.node_proxy import TOKEN
from simulator.server import SimulatedCluster, Tls
from simulator.world import FixedWorld
from tests.sources import ca_file, kubeconfig, serving

CLOSED_PORT = "127.0.0.1:9"
ADDRESSES = {"n1": "127.0.6.11", "n2": "127.0.6.12", "n3": "127.0.6.13"}
VERSIONS = {"n1": "v1.30.1", "n2": "v1.31.0", "n3": "v1.31.0"}
DOCUMENT = b'{"node":{"nodeName":"n1"},"pods":[]}'


@pytest.fixture(autouse=True)
def _short_kafka_timeout(monkeypatch: pytest.MonkeyPatch) -> None:
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
        allow(running, ALL_RIGHTS)
        yield running


def allow(cluster: SimulatedCluster, rights: frozenset[str]) -> None:
    for guard in (cluster.api.guard, *(kubelet.guard for kubelet in cluster.kubelets.values())):
        guard.tokens = {"secret": rights, TOKEN: ALL_RIGHTS}


Findings = Mapping[str, Finding]


@pytest.fixture
def check(cluster: SimulatedCluster, authority: trustme.CA, tmp_path: Path) -> Callable[..., Findings]:
    path = kubeconfig(
        tmp_path,
        cluster.api_url,
        cluster=f"certificate-authority: {ca_file(authority, tmp_path)}",
        user="token: secret",
    )

    def check(options: str = "") -> Findings:
        return findings(f"kubernetes:?inClusterConfig=false&auth={path}&kubeletHttps=true&kubeletPort={port}{options}")

    port = cluster.kubelet_port
    return check


def findings(source: str) -> Findings:
    each = list(probe.run_checks((source,), KafkaSettings(CLOSED_PORT), topics("").kubelet_stats))
    assert "secret" not in str(each)
    assert each[-1].check == "Kafka"
    assert "does not answer" in each[-1].result
    return {finding.check: finding for finding in each[:-1]}


def test_every_check_runs_and_one_kubelet_of_each_version(check: Callable[..., Findings]) -> None:
    found = check()
    assert list(found) == [
        "--source",
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
    assert all(finding.passed for finding in found.values())
    assert found["nodes to scrape"].result == "3 of 3 can be scraped"
    assert found["kubelet v1.31.0 (n2)"].result == f"Summary of {len(DOCUMENT)} bytes with 0 pods"


def test_unneeded_resources_are_not_checked(check: Callable[..., Findings]) -> None:
    found = check("&podSource=kubelet&labelSelector=name%3Dn1")
    assert [name for name in found if "pods" in name or "v1.31" in name] == []
    assert found["kubelet v1.30.1 (n1)"].result.endswith("/pods with 0 pods")


def test_missing_permissions_are_found(cluster: SimulatedCluster, check: Callable[..., Findings]) -> None:
    allow(cluster, ALL_RIGHTS - {"watch pods", "list namespaces", "get nodes/stats", "get nodes/proxy"})
    found = check()
    missing = {name: finding.missing_permissions for name, finding in found.items() if not finding.passed}
    assert missing == {
        "watch pods": (Permission("watch", "pods"),),
        "list namespaces": (Permission("list", "namespaces"), Permission("watch", "namespaces")),
        "kubelet v1.30.1 (n1)": (Permission("get", "nodes/stats"),),
        "kubelet v1.31.0 (n2)": (Permission("get", "nodes/stats"),),
    }


def test_a_hanging_kubelet_does_not_delay_the_others(
    cluster: SimulatedCluster, check: Callable[..., Findings], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe, "REQUEST_TIMEOUT_S", 0.5)
    cluster.kubelets["n1"].fault = Fault(hang=True)
    found = check()
    assert "no complete answer within 0.5 s" in found["kubelet v1.30.1 (n1)"].result
    assert found["kubelet v1.31.0 (n2)"].passed


def test_skipped_nodes_are_reported_with_the_reason(world: FixedWorld, check: Callable[..., Findings]) -> None:
    world.show(nodes=[node("n1"), node("n2", ready=False)])
    found = check()
    assert found["nodes to scrape"].result == "1 of 2 can be scraped: node n2 is not ready"
    world.show(nodes=[node("n2", ready=False)])
    assert not check()["nodes to scrape"].passed


def test_rejected_credentials_are_reported_once(cluster: SimulatedCluster, check: Callable[..., Findings]) -> None:
    cluster.api.guard.tokens = {}
    found = check()
    assert list(found) == ["--source", "API server"]
    assert found["API server"].result == "HTTP 401: the API server rejects the scraper's credentials: Unauthorized"


def test_an_api_server_with_a_certificate_of_another_ca(cluster: SimulatedCluster) -> None:
    failure = findings(f"kubernetes:{cluster.api_url}?inClusterConfig=false")["API server"]
    assert "certificate verify failed" in failure.result
    assert "insecure=true" in failure.advice


def test_an_api_server_that_refuses_the_connection() -> None:
    assert findings(f"kubernetes:http://{CLOSED_PORT}?inClusterConfig=false")["API server"].result.endswith(
        "Connection refused"
    )


def test_an_api_server_that_does_not_respond(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "STEP_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        each = list(
            probe.run_checks(
                (f"kubernetes:http://127.0.0.1:{port}?inClusterConfig=false",),
                KafkaSettings(CLOSED_PORT),
                topics("").kubelet_stats,
            )
        )
    assert [finding.result for finding in each if finding.check == "API server"] == ["no response within 0 s"]


def test_an_api_server_that_sends_invalid_objects(raw_server: Callable[..., Any]) -> None:
    body = b'{"items": [{"metadata": {"ownerReferences": 7}, "status": 7}, 8]}'
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    server = raw_server(lambda connection: connection.sendall(response))
    failure = findings(f"kubernetes:http://127.0.0.1:{server.port}?inClusterConfig=false")
    assert not all(finding.passed for finding in failure.values())


def test_an_unreadable_source() -> None:
    failure = findings("kubernetes:?inClusterConfig=false&auth=/nowhere")["--source"]
    assert failure.result == "--source=kubernetes: auth=/nowhere: No such file or directory"


def test_a_failed_check_prints_a_table_and_ends_with_status_1(cluster: SimulatedCluster) -> None:
    source = f"--source=kubernetes:{cluster.api_url}?inClusterConfig=false&insecure=true"
    result = CliRunner().invoke(program, ["scraper", "--check", source, f"--kafka-brokers={CLOSED_PORT}"])
    assert result.exit_code == 1
    assert "API server" in result.output
    assert "warning: the certificate of the API server is not verified" in result.output
    assert "Traceback" not in result.output


def test_a_report_without_failures() -> None:
    shown = StringIO()
    report([Finding("Kafka", passed=True, result="topic [kubelet-stats]")], [], Console(file=shown, width=80))
    assert "topic [kubelet-stats]" in shown.getvalue()
    assert shown.getvalue().endswith("All checks passed.\n")


def test_missing_permissions_become_a_cluster_role() -> None:
    permissions = [
        Permission("list", "pods"),
        Permission("watch", "pods"),
        Permission("watch", "nodes"),
        Permission("list", "nodes"),
    ]
    assert cluster_role([*permissions, Permission("get", "nodes/stats"), Permission("list", "pods")]) == (
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


def test_warnings_are_captured_instead_of_logged(caplog: pytest.LogCaptureFixture) -> None:
    with captured_warnings() as warnings:
        logging.getLogger().error("exec: process returned 1. no network")
    assert warnings == ["exec: process returned 1. no network"]
    assert caplog.records == []
