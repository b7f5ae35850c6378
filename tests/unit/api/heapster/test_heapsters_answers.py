"""Every answer of Heapster's that was recorded, against ours from the same documents."""

import json
import re
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from math import trunc
from typing import Any

import pytest

from api.app import Choices, application
from api.heapster.series import indented, series_text
from api.status import Served
from api.store.packed_batch import pack
from api.store.row import Point
from api.store.store import Store
from api.store.times import parse_time_ns
from schemas.metric_batch import MetricBatch
from tests.asked import Asked
from tests.scrapes import time_ns
from tests.unit.test_golden import BASIC, NR131, UPTIME_OFF_MS, basic_batches, nr131_batches, read

SECOND_NS = 1_000_000_000
BASIC_END, NR131_END = time_ns("2024-01-01T00:00:40Z"), time_ns("2025-11-04T19:18:00Z")


def client(windows: Iterable[Iterable[MetricBatch]], end_ns: int) -> Asked:
    now_ns = end_ns + 10 * SECOND_NS
    store = Store()
    for batches in windows:
        for batch in batches:
            assert store.put(pack(batch), now_ns)
    return Asked(application(store, Served(), lambda: now_ns, Choices()))


@cache
def basic() -> Asked:
    return client(basic_batches(), BASIC_END)


@cache
def nr131() -> Asked:
    return client(nr131_batches(), NR131_END)


@cache
def recorded() -> dict[str, Any]:
    answers: dict[str, Any] = read(BASIC / "heapster" / "api.json")
    return answers


def without_floats(answer: Any) -> Any:
    """Our answer without what Heapster's type declares and never fills: the value of a float metric, as it is."""
    if isinstance(answer, dict):
        if "floatValue" in answer:
            assert answer["value"] == max(0, trunc(answer["floatValue"]))
        return {name: without_floats(value) for name, value in answer.items() if name != "floatValue"}
    return [without_floats(each) for each in answer] if isinstance(answer, list) else answer


def body_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


CREATED_AT = "2024-01-01T00:00:50Z"

# Deliberate differences, each in docs/api.md
MISSING_POD = "/apis/metrics.k8s.io/v1alpha1/namespaces/default/pods/missing"  # 404 instead of 500
SERVED_TOO = "/apis/metrics/v1alpha1/nodes"  # the path of Heapster 1.5, which 1.6 does not have
ROOT_SERVED_TOO = "/apis/metrics/v1alpha1"


def route(path: str) -> str:
    """The path without the names of entities and metrics."""
    return re.sub(r"(nodes|namespaces|pods|pod-list|containers)/[^/?]+|(?<=/metrics)/.*", r"\1/*", path)


PATHS = sorted(recorded().keys() - {MISSING_POD, SERVED_TOO, ROOT_SERVED_TOO}, key=lambda path: (route(path), path))


@pytest.mark.parametrize("paths", [pytest.param(list(paths), id=name) for name, paths in groupby(PATHS, route)])
def test_as_recorded(paths: list[str]) -> None:
    different = {path: found for path in paths if not same(found := answer_to(path), recorded_for(path), off_by(path))}
    assert different == {path: recorded_for(path) for path in different}


def answer_to(path: str) -> Any:
    answer = basic().get(path)
    return {"status": answer.status_code, "body": comparable(without_floats(body_of(answer.text)))}


def recorded_for(path: str) -> Any:
    expected = recorded()[path]
    return {"status": expected["status"], "body": comparable(expected["body"])}


def off_by(path: str) -> int:
    return UPTIME_OFF_MS if path.endswith("/uptime") else 0


def test_a_missing_pod_is_not_a_servers_error() -> None:
    answer = basic().get(MISSING_POD)
    assert (answer.status_code, answer.text) == (404, recorded()[MISSING_POD]["body"])
    assert recorded()[MISSING_POD]["status"] == 500


def test_the_path_of_heapster_1_5_answers_what_that_of_1_6_does() -> None:
    older, newer = basic().get(SERVED_TOO).json(), basic().get("/apis/metrics.k8s.io/v1alpha1/nodes").json()
    assert (older.pop("apiVersion"), newer.pop("apiVersion")) == ("metrics/v1alpha1", "metrics.k8s.io/v1alpha1")
    assert older == newer
    assert recorded()[SERVED_TOO]["status"] == 404


def test_its_root_is_known_and_has_no_page() -> None:
    answer = basic().get(ROOT_SERVED_TOO)
    assert (answer.status_code, answer.text) == (404, "404: Page Not Found")
    assert recorded()[ROOT_SERVED_TOO] == {"status": 404, "body": "404 page not found\n"}


def comparable(body: Any) -> Any:
    """Lists in an order of ours: Heapster's have none. Of ours, without what the recorded version did not set."""
    if isinstance(body, dict):
        fields = {name: comparable(value) for name, value in body.items() if name not in {"kind", "apiVersion"}}
        if "items" in fields and fields["items"] is None:  # an empty list: ours is a list
            fields["items"] = []
        if fields.get("creationTimestamp") == CREATED_AT:
            fields["creationTimestamp"] = "<now>"
        return fields
    return sorted((comparable(each) for each in body), key=repr_of) if isinstance(body, list) else body


def repr_of(value: Any) -> str:
    """To sort by, without what may be off."""
    return json.dumps(without_uptime(value), sort_keys=True)


def without_uptime(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: without_uptime(each) for name, each in value.items() if name != "uptime"}
    return [without_uptime(each) for each in value] if isinstance(value, list) else value


def same(found: Any, expected: Any, off: int = 0) -> bool:
    """Equal; uptime, which is told by Heapster's own clock when it decodes, nearly so (see test_golden)."""
    if isinstance(expected, dict):
        return found.keys() == expected.keys() and all(
            same(found[name], value, UPTIME_OFF_MS if name == "uptime" else off) for name, value in expected.items()
        )
    if isinstance(expected, list):
        return len(found) == len(expected) and all(same(*pair, off) for pair in zip(found, expected, strict=True))
    return bool(abs(found - expected) <= off if isinstance(expected, int) else found == expected)


NODE = "/api/v1/model/nodes/datagen-1-31/metrics"
NR131_PATHS = {
    "model_allkeys": "/api/v1/model/debug/allkeys",
    "model_cluster_cpu_usage_rate": "/api/v1/model/metrics/cpu/usage_rate",
    "model_cluster_memory_usage": "/api/v1/model/metrics/memory/usage",
    "model_cluster_metrics": "/api/v1/model/metrics",
    "model_export_schema": "/api/v1/metric-export-schema",
    "model_namespaces": "/api/v1/model/namespaces",
    "model_node_datagen-1-31_cpu_node_utilization": f"{NODE}/cpu/node_utilization",
    "model_node_datagen-1-31_memory_node_reservation": f"{NODE}/memory/node_reservation",
    "model_node_datagen-1-31_metrics": NODE,
    "model_nodes": "/api/v1/model/nodes",
    "model_ns_kube-system_memory_usage": "/api/v1/model/namespaces/kube-system/metrics/memory/usage",
    "model_ns_kube-system_pods": "/api/v1/model/namespaces/kube-system/pods",
}


def test_no_recorded_answer_is_left_out() -> None:
    assert {path.stem for path in NR131.glob("model_*.json")} == NR131_PATHS.keys()


@pytest.mark.parametrize("name", NR131_PATHS)
def test_a_kubernetes_1_31_node(name: str) -> None:
    """Lists and the schema as they are; of series the values: they were recorded at another pace."""
    answer, expected = nr131().get(NR131_PATHS[name]), read(NR131 / f"{name}.json")
    assert answer.status_code == 200
    assert values_of(comparable(without_floats(answer.json()))) == values_of(comparable(expected))


def values_of(body: Any) -> Any:
    if "latestTimestamp" in body:
        return {point["value"] for point in body["metrics"]}
    return body


@pytest.mark.parametrize("name", NR131_PATHS)
def test_the_very_bytes(name: str) -> None:
    recorded_text = (NR131 / f"{name}.json").read_text()
    document = json.loads(recorded_text)
    if "latestTimestamp" not in document:
        assert indented(document) == recorded_text
        return
    points = [Point(parse_time_ns(point["timestamp"]), point["value"]) for point in document["metrics"]]
    assert series_text(points) == recorded_text
