"""The api as users meet it: a simulated cluster through the real pipeline, asked as kubectl and dashboards ask."""

import json
import os
import re
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from tests.waiting import wait_until
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.ports import own_ports
from tools.stack.process import Process

Service = Callable[..., Process]
NODES, PODS = 2, 4


class Api:
    """One replica, asked over HTTP."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._url = ""

    @property
    def url(self) -> str:
        if not self._url:
            wait_until(lambda: '"serving"' in self.process.text, "the api serves")
            self._url = re.search(r'"url": "([^"]+)"', self.process.text)[1]  # type: ignore[index]
        return self._url

    def ask(self, path: str, **headers: str) -> tuple[int, str]:
        try:
            with urlopen(Request(self.url + path, headers=headers), timeout=20) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            return error.code, error.read().decode()

    def json(self, path: str, **headers: str) -> Any:
        status, text = self.ask(path, **headers)
        assert status == 200, (path, status, text)
        return json.loads(text)

    @property
    def is_ready(self) -> bool:
        return self.ask("/readyz") == (200, "ok")


def test_a_simulated_cluster_as_kubectl_the_dashboard_and_an_autoscaler_see_it(
    tmp_path: Path, influxdb: InfluxDB, influx_database: str, own_kafka: Callable[[], Kafka], service: Service
) -> None:
    kafka = own_kafka()
    brokers, token = f"--kafka-brokers={kafka.bootstrap}", tmp_path / "token"
    token.write_text("correct-horse")
    sink = f"influxdb:{influxdb.url}?db={influx_database}&user={influxdb.user}&pw={influxdb.password}"
    first = Api(service("api", brokers, "--listen=127.0.0.1:0", f"--historical-source={sink}"))
    wait_until(lambda: "no window has arrived yet" in first.ask("/readyz")[1], "an empty api says so")
    assert first.ask("/healthz")[0] == 500
    assert first.json("/api/v1/model/nodes") == []
    assert first.ask("/api/v1/metric-export") == (200, "null\n")
    assert first.json("/apis/metrics.k8s.io/v1beta1/pods")["items"] == []

    api_port, kubelet_port = own_ports(2)
    size = (f"--nodes={NODES}", f"--pods-per-node={PODS}")
    service("simulate", *size, f"--api-port={api_port}", f"--kubelet-port={kubelet_port}")
    source = f"kubernetes:http://127.0.0.1:{api_port}?inClusterConfig=false&kubeletPort={kubelet_port}"
    service("processor", brokers)
    service("writer", brokers, f"--sink={sink}")
    service("scraper", brokers, f"--source={source}", "--metric-resolution=5s")

    def nodes() -> list[Any]:
        found: list[Any] = first.json("/apis/metrics/v1alpha1/nodes")["items"]
        return found

    wait_until(lambda: len(nodes()) == NODES, "a second window, and with it the nodes' usage")
    second = Api(service("api", brokers, "--listen_ip=127.0.0.1", "--heapster_port=0", f"--token-file={token}"))
    wait_until(lambda: first.is_ready and second.is_ready, "both replicas are ready")

    kubectl_top(first)
    autoscaler(first)
    dashboard(first)
    history(first)
    assert second.ask("/api/v1/model/nodes")[0] == 401
    for path in ("/api/v1/model/namespaces", "/api/v1/model/nodes", "/api/v1/model/metrics"):
        wait_until(partial(_answer_alike, first, second, path), f"both replicas answer {path} alike")
    figures = first.ask("/metrics")[1]
    assert re.search(r'http_requests_total{code="200",handler="model",method="GET"} [1-9]', figures)
    assert re.search(r'heapster_exporter_last_time_seconds{exporter="Metric Sink"} [1-9]', figures)

    os.killpg(second.process.pid, signal.SIGTERM)  # its follower gets it too
    wait_until(lambda: second.process.status is not None, "it ends when told to")
    assert second.process.status == 0
    assert "the process that follows Kafka has ended" not in second.process.text
    (following,) = followers(first.process)
    os.kill(following, signal.SIGKILL)
    wait_until(lambda: first.process.status is not None, "without its follower it ends, to be started again")
    assert first.process.status == 1


def _answer_alike(first: Api, second: Api, path: str) -> bool:
    """Each replica reads Kafka by itself: one may have a batch a moment earlier."""
    return bool(second.json(path, Authorization="Bearer correct-horse") == first.json(path))


def kubectl_top(api: Api) -> None:
    """`kubectl top`, of today and of then."""
    for version in ("metrics.k8s.io/v1beta1", "metrics.k8s.io/v1alpha1", "metrics/v1alpha1"):
        listed = api.json(f"/apis/{version}/nodes")
        assert (listed["kind"], listed["apiVersion"]) == ("NodeMetricsList", version)
        for node in listed["items"]:
            assert re.fullmatch(r"[0-9]+m?", node["usage"]["cpu"])
            assert re.fullmatch(r"[0-9]+(Ki|Mi|Gi)?", node["usage"]["memory"])
            assert node["window"] == "1m0s"
            name = node["metadata"]["name"]
            assert api.json(f"/apis/{version}/nodes/{name}")["metadata"]["name"] == name
    pods = api.json("/apis/metrics.k8s.io/v1beta1/pods")["items"]
    assert pods
    for pod in pods:
        path = f"/apis/metrics.k8s.io/v1beta1/namespaces/{pod['metadata']['namespace']}/pods"
        found = api.json(f"{path}/{pod['metadata']['name']}")
        assert [each["name"] for each in found["containers"]] == [each["name"] for each in pod["containers"]]


def autoscaler(api: Api) -> None:
    """Pods by the labels of their workload, and a metric of a list of them since five minutes ago."""

    def names(selector: str) -> set[str]:
        items = api.json(f"/apis/metrics/v1alpha1/pods?labelSelector={selector}")["items"]
        return {each["metadata"]["name"] for each in items}

    shops, others = names("app%20in%20(storefront,cart),app"), names("app%20notin%20(storefront,cart)")
    assert shops
    assert not shops & others
    pods = api.json("/apis/metrics/v1alpha1/pods")["items"]
    assert shops | others == {each["metadata"]["name"] for each in pods}
    none = api.json("/apis/metrics/v1alpha1/pods?labelSelector=!app,app")
    assert none["items"] == []
    namespace, name = pods[0]["metadata"]["namespace"], pods[0]["metadata"]["name"]
    path = f"/api/v1/model/namespaces/{namespace}/pod-list/{name},missing/metrics/cpu-usage?start=2020-01-01T00:00:00Z"
    found = api.json(path)["items"]
    assert [bool(each["metrics"]) for each in found] == [True, False]


def dashboard(api: Api) -> None:
    """What it shows of a pod and of a node."""
    assert api.ask("/healthz") == (200, "ok")
    namespace = "shop"  # of batch, all pods may have finished
    # the sums of a namespace are a batch of their own, which may come after those of the nodes
    wait_until(lambda: namespace in api.json("/api/v1/model/namespaces/"), "the sums of the namespace")
    pods = api.json(f"/api/v1/model/namespaces/{namespace}/pods/")
    for metric in ("cpu/usage_rate", "memory/usage"):
        listed = api.json(f"/api/v1/model/namespaces/{namespace}/pod-list/{','.join(pods)}/metrics/{metric}")["items"]
        assert len(listed) == len(pods)
        for node in api.json("/api/v1/model/nodes/"):
            series = api.json(f"/api/v1/model/nodes/{node}/metrics/{metric}")
            assert series["latestTimestamp"] == series["metrics"][-1]["timestamp"]
    exported = api.json("/api/v1/metric-export")
    assert {"machine", "/pod"} < {each["labels"]["container_name"] for each in exported}


def history(api: Api) -> None:
    """The same series from InfluxDB, where it has come by now."""
    since = "start=2020-01-01T00:00:00Z"

    def caught_up() -> bool:
        status, text = api.ask(f"/api/v1/historical/metrics/memory/usage?{since}")
        return status == 200 and len(json.loads(text)["metrics"]) > 1

    wait_until(caught_up, "two windows in InfluxDB")
    known = {json.dumps(point) for point in api.json("/api/v1/model/metrics/cpu/request")["metrics"]}
    found = [json.dumps(point) for point in api.json(f"/api/v1/historical/metrics/cpu/request?{since}")["metrics"]]
    assert known & set(found)
    assert api.json("/api/v1/historical/nodes") == api.json("/api/v1/model/nodes")
    (bucket,) = api.json(f"/api/v1/historical/metrics-aggregated/count/memory/usage?{since}")["buckets"]
    assert bucket["count"] > 1


def followers(process: Process) -> list[int]:
    """The processes that a replica has started to follow Kafka."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    commands = {int(child): Path(f"/proc/{child}/cmdline").read_text() for child in children}
    return [child for child, command in commands.items() if "spawn_main" in command]
