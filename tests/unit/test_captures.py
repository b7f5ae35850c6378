"""Documents of real kubelets: they have no problems, and other tools read the same values from them."""

import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml

from processor.core.derive import NodeResult, derive
from processor.core.labels import LabelRules
from processor.state.transition import node_sample
from schemas.catalogue import Number
from schemas.metric_batch import MetricSet
from schemas.node_scrape import ApiContainer, ApiPod
from tests.scrapes import scrape_of, summary_scrape, time_ns

CAPTURES = Path(__file__).parents[1] / "fixtures" / "captures"
NEWRELIC, OTEL, TELEGRAF = CAPTURES / "newrelic-nri-kubernetes", CAPTURES / "otel-kubeletstats", CAPTURES / "telegraf"

Values: TypeAlias = Mapping[tuple[str, str], Number]
"""By metric name and `resource_id`, which is empty for metrics without one."""


def result_of(document: Path, *pods: ApiPod) -> NodeResult:
    name = json.loads(document.read_bytes())["node"]["nodeName"]
    return derive(summary_scrape(document.read_bytes(), node=name, pods=pods), None, LabelRules())


def extended(
    document: object, *pods: ApiPod, minutes: int = 0, capacity: Mapping[str, str] | None = None
) -> NodeResult:
    """The result with extended metrics, and with rates since a scrape that is `minutes` earlier."""
    scrape = summary_scrape(document, node="minikube", pods=pods, capacity=capacity or {}, allocatable=capacity or {})
    if not minutes:
        return derive(scrape, None, LabelRules(), extended=True)
    before = summary_scrape(earlier(document, minutes), node="minikube")
    previous = node_sample(before, derive(before, None, LabelRules()), 0)
    return derive(scrape, previous, LabelRules(), extended=True)


def earlier(value: Any, minutes: int) -> Any:
    """The document some minutes earlier, if the CPU usage was `usageNanoCores` all the time."""
    if isinstance(value, list):
        return [earlier(each, minutes) for each in value]
    if not isinstance(value, dict):
        return value
    found = {name: earlier(each, minutes) for name, each in value.items()}
    if "time" in found:
        found["time"] = (datetime.fromisoformat(found["time"]) - timedelta(minutes=minutes)).isoformat()
    if "usageCoreNanoSeconds" in found:
        found["usageCoreNanoSeconds"] -= found["usageNanoCores"] * 60 * minutes
    return found


def values(result: NodeResult) -> dict[str, Values]:
    return {metric_set.key: values_of(metric_set) for metric_set in result.sets}


def values_of(metric_set: MetricSet) -> Values:
    plain = {(name, ""): value for name, value in metric_set.values.items()}
    labeled = {
        (name, own.labels.get("resource_id") or own.labels["interface"]): value
        for own in metric_set.labeled
        for name, value in own.values.items()
    }
    return {**plain, **labeled}


@pytest.mark.parametrize(
    ("document", "entities"),
    [
        pytest.param(
            NEWRELIC / "1_31" / "stats_summary.json",
            {"node": 1, "sys_container": 2, "pod": 17, "pod_container": 17},
            id="Kubernetes 1.31",
        ),
        pytest.param(
            NEWRELIC / "1_33" / "stats_summary.json",
            {"node": 1, "sys_container": 2, "pod": 17, "pod_container": 17},
            id="Kubernetes 1.33",
        ),
        pytest.param(
            NEWRELIC / "legacy" / "kubelet_stats_summary_payload.json",
            {"node": 1, "sys_container": 2, "pod": 8, "pod_container": 12},
            id="Kubernetes 1.9 with Docker",
        ),
        pytest.param(
            NEWRELIC / "legacy" / "kubelet_summary_response_ok.json",
            {"node": 1, "pod": 2, "pod_container": 3},
            id="synthetic, with missing parts",
        ),
        pytest.param(
            OTEL / "stats-summary.json",
            {"node": 1, "sys_container": 3, "pod": 9, "pod_container": 9},
            id="Kubernetes 1.18",
        ),
        pytest.param(
            TELEGRAF / "stats_summary.json",
            {"node": 1, "sys_container": 2, "pod": 2, "pod_container": 2},
            id="Kubernetes of 2016",
        ),
    ],
)
def test_a_real_document_has_no_problems(document: Path, entities: dict[str, int]) -> None:
    result = result_of(document)
    assert result.problems == {}
    assert Counter(metric_set.type for metric_set in result.sets) == entities


@pytest.mark.parametrize("version", ["1_31", "1_33"])
def test_a_whole_minikube_node_with_the_data_of_its_api_server(version: str) -> None:
    folder = NEWRELIC / version
    [node] = _yaml(folder / "nodes.yaml")["items"]
    pods = json.loads((folder / "pods.json").read_text())["items"]
    scrape = scrape_of(
        node,
        (folder / "stats_summary.json").read_bytes(),
        pods=pods,
        namespaces=_yaml(folder / "namespaces.yaml")["items"],
        window_end_ns=time_ns("2025-11-04T19:30:00Z"),
    )
    result = derive(scrape, None, LabelRules())
    assert result.problems == {}
    found = {metric_set.key: metric_set for metric_set in result.sets}
    assert all(metric_set.labels["labels"] for metric_set in result.sets if metric_set.type == "node")
    assert all(metric_set.labels["namespace_id"] for metric_set in result.sets if metric_set.type == "pod")
    node_values = found[f"node:{scrape.node}"].values
    assert node_values["cpu/node_capacity"] == 10_000.0
    assert node_values["memory/node_allocatable"] == 1024.0 * int(scrape.allocatable["memory"].removesuffix("Ki"))
    measured = {key for key, metric_set in found.items() if metric_set.type == "pod"}
    requested = sum(millicores_requested(pod) for pod in pods if pod_key(pod) in measured)
    assert node_values["cpu/request"] == requested
    assert result.contributions[-1].sums[1] == requested


@pytest.mark.parametrize(
    ("version", "processes", "swap_available"),
    [("1_31", (1414, 125722), 1073737728), ("1_33", (1332, 125722), 1073737728)],
)
def test_extended_metrics_of_newer_kubelets(version: str, processes: tuple[int, int], swap_available: int) -> None:
    folder = NEWRELIC / version
    [node] = _yaml(folder / "nodes.yaml")["items"]
    scrape = scrape_of(
        node,
        (folder / "stats_summary.json").read_bytes(),
        pods=json.loads((folder / "pods.json").read_text())["items"],
        namespaces=_yaml(folder / "namespaces.yaml")["items"],
        window_end_ns=time_ns("2025-11-04T19:30:00Z"),
    )
    result = derive(scrape, None, LabelRules(), extended=True)
    assert result.problems == {}
    found = {metric_set.key: metric_set for metric_set in result.sets}
    of_node = found[f"node:{scrape.node}"]
    assert (of_node.values["process/count"], of_node.values["process/limit"]) == processes
    assert (of_node.values["memory/swap_usage"], of_node.values["memory/swap_available"]) == (0, swap_available)
    assert len([own for own in of_node.labeled if "interface" in own.labels]) == 10
    pods = [metric_set for metric_set in result.sets if metric_set.type == "pod"]
    assert all(pod.values["process/count"] > 0 for pod in pods)
    workloads = {(pod.labels.get("workload_kind"), pod.labels.get("workload")) for pod in pods}
    assert workloads >= {
        ("Deployment", "coredns"),
        ("Deployment", "e2e-kube-state-metrics"),
        ("StatefulSet", "e2e-statefulset"),
        ("DaemonSet", "kube-proxy"),
        (None, None),  # static pods
    }
    groups = {contribution.group for contribution in result.contributions}
    assert "workload:kube-system/Deployment/coredns" in groups


def pod_key(pod: Any) -> str:
    return f"namespace:{pod['metadata']['namespace']}/pod:{pod['metadata']['name']}"


def millicores_requested(pod: Any) -> int:
    requests = (container["resources"].get("requests", {}).get("cpu", "0m") for container in pod["spec"]["containers"])
    return sum(int(quantity.removesuffix("m")) for quantity in requests)


# metric of OpenTelemetry's kubeletstats receiver -> our metric, and the divisor of our value
OTEL_METRICS = {
    "cpu.time": (("cpu/usage", ""), 10**9),
    "memory.usage": (("memory/usage", ""), 1),
    "memory.working_set": (("memory/working_set", ""), 1),
    "memory.rss": (("memory/rss", ""), 1),
    "memory.page_faults": (("memory/page_faults", ""), 1),
    "memory.major_page_faults": (("memory/major_page_faults", ""), 1),
    "network.io receive": (("network/rx", ""), 1),
    "network.io transmit": (("network/tx", ""), 1),
    "network.errors receive": (("network/rx_errors", ""), 1),
    "network.errors transmit": (("network/tx_errors", ""), 1),
}
OTEL_DISKS = {
    "filesystem.usage": "filesystem/usage",
    "filesystem.capacity": "filesystem/limit",
    "filesystem.available": "filesystem/available",
    "available": "filesystem/available",
    "capacity": "filesystem/limit",
    "inodes": "filesystem/inodes",
    "inodes.free": "filesystem/inodes_free",
}


def test_opentelemetry_has_the_same_values() -> None:
    found = values(result_of(OTEL / "stats-summary.json"))
    compared: Counter[str] = Counter()
    skipped: set[str] = set()
    for attributes, metric, expected in otel_points(OTEL / "expected_test_scraper_expected.yaml"):
        kind, name = metric.removeprefix("k8s.").split(".", 1)
        ours, unit = otel_counterpart(kind, name, attributes)
        if ours is not None:
            assert found[otel_key(attributes)][ours] / unit == expected, (attributes, metric)
            compared[kind] += 1
        else:
            skipped.add(metric)
    assert compared == {"node": 13, "pod": 9 * 11, "container": 9 * 9, "volume": 8 * 4}
    assert skipped == {
        *(f"{kind}.cpu.usage" for kind in ("k8s.node", "k8s.pod", "container")),  # the kubelet's own rate
        *(f"{kind}.memory.available" for kind in ("k8s.node", "k8s.pod", "container")),
        "k8s.pod.filesystem.available",  # the node's value, repeated for each pod
        "k8s.pod.filesystem.capacity",
        "k8s.volume.inodes.used",
    }


def otel_counterpart(kind: str, name: str, attributes: Mapping[str, str]) -> tuple[tuple[str, str] | None, int]:
    if name in OTEL_METRICS:
        return OTEL_METRICS[name]
    if kind == "pod" and name == "filesystem.usage":
        return ("ephemeral_storage/usage", ""), 1
    if kind == "pod" or name not in OTEL_DISKS:
        return None, 1
    resource_id = f"Volume:{attributes['k8s.volume.name']}" if kind == "volume" else "/"
    return (OTEL_DISKS[name], resource_id), 1


def otel_key(attributes: Mapping[str, str]) -> str:
    if "k8s.pod.name" not in attributes:
        return f"node:{attributes['k8s.node.name']}"
    key = f"namespace:{attributes['k8s.namespace.name']}/pod:{attributes['k8s.pod.name']}"
    name = attributes.get("k8s.container.name")
    return key if name is None else f"{key}/container:{name}"


def otel_points(path: Path) -> Iterator[tuple[dict[str, str], str, float]]:
    """Attributes, metric and value of each data point; a direction is appended to the metric's name."""
    for resource in _yaml(path)["resourceMetrics"]:
        attributes = {each["key"]: each["value"]["stringValue"] for each in resource["resource"]["attributes"]}
        for metric in resource["scopeMetrics"][0]["metrics"]:
            for point in (metric.get("sum") or metric["gauge"])["dataPoints"]:
                own = {each["key"]: each["value"]["stringValue"] for each in point.get("attributes", ())}
                name = " ".join([metric["name"], *([own["direction"]] if "direction" in own else [])])
                yield {**attributes, **own}, name, float(point["asInt"]) if "asInt" in point else point["asDouble"]


SCHEDULER = ApiPod(
    namespace="kube-system",
    name="kube-scheduler-minikube",
    uid="5795d0c442cb997ff93c49feeb9f6386",
    containers=(
        ApiContainer(
            name="kube-scheduler",
            image="",
            requests={"cpu": "2m", "memory": "10M"},
            limits={"cpu": "4m", "memory": "100M"},
        ),
    ),
)
OTEL_DOCUMENT = json.loads((OTEL / "stats-summary.json").read_bytes())


@pytest.mark.parametrize("kind", ["pod", "container"])
@pytest.mark.parametrize("bound", ["limit", "request"])
@pytest.mark.parametrize("resource", ["cpu", "memory"])
def test_opentelemetry_has_the_same_ratios_of_requests_and_limits(resource: str, kind: str, bound: str) -> None:
    found = values(extended(OTEL_DOCUMENT, SCHEDULER, minutes=1))
    [(attributes, _, expected)] = [
        point
        for point in otel_points(OTEL / "expected_test_scraper_with_percent_expected.yaml")
        if point[1] == f"k8s.{kind}.{resource}_{bound}_utilization"
    ]
    ours = found[otel_key(attributes)]
    # our CPU usage is in whole millicores, truncated
    less = 1 / ours[f"cpu/{bound}", ""] if resource == "cpu" else 0
    assert 0 <= expected - ours[f"{resource}/{bound}_utilization", ""] <= less + 1e-12


@pytest.mark.parametrize(("resource", "less"), [("cpu", 1 / 8000), ("memory", 0)])
def test_opentelemetry_has_the_same_ratios_of_the_node(resource: str, less: float) -> None:
    capacity = {"cpu": "8", "memory": "32564740Ki"}
    found = values(extended(OTEL_DOCUMENT, minutes=1, capacity=capacity))
    points = list(otel_points(OTEL / f"expected_test_scraper_{resource}_util_nodelimit_expected.yaml"))
    assert len(points) == 18
    for attributes, _, expected in points:
        ours = found[otel_key(attributes)][f"{resource}/node_share", ""]
        assert -1e-12 <= expected - ours <= less + 1e-12, attributes


OTEL_INTERFACES = {
    "io receive": "network/interface_rx",
    "io transmit": "network/interface_tx",
    "errors receive": "network/interface_rx_errors",
    "errors transmit": "network/interface_tx_errors",
}


def test_opentelemetry_has_the_same_values_for_each_interface() -> None:
    found = values(extended(OTEL_DOCUMENT))
    compared = 0
    for attributes, metric, expected in otel_points(OTEL / "expected_test_scraper_with_interfaces_metrics.yaml"):
        if ".network." in metric:
            ours = OTEL_INTERFACES[metric.partition(".network.")[2]]
            assert found[otel_key(attributes)][ours, attributes["interface"]] == expected
            compared += 1
    assert compared == 10 * 2 * len(OTEL_INTERFACES)


@pytest.mark.parametrize("claims", ["successful", "nonexistent_pvc"])
def test_opentelemetry_has_the_same_claims(claims: str) -> None:
    """The document has no claims: the receiver's test adds them, and this one adds them as a kubelet does."""
    expected = {
        (otel_key(attributes), f"Volume:{attributes['k8s.volume.name']}"): attributes.get(
            "k8s.persistentvolumeclaim.name"
        )
        for attributes, _, _ in otel_points(OTEL / f"expected_test_scraper_with_pvc_labels_{claims}_expected.yaml")
    }
    document = copy.deepcopy(OTEL_DOCUMENT)
    for pod in document["pods"]:
        key = f"namespace:{pod['podRef']['namespace']}/pod:{pod['podRef']['name']}"
        for volume in pod.get("volume", ()):
            if claim := expected.get((key, f"Volume:{volume['name']}")):
                volume["pvcRef"] = {"name": claim, "namespace": pod["podRef"]["namespace"]}
    labels = {
        (metric_set.key, own.labels["resource_id"]): own.labels.get("pvc")
        for metric_set in extended(document).sets
        for own in metric_set.labeled
        if "resource_id" in own.labels
    }
    assert {volume: labels[volume] for volume in expected} == expected


TELEGRAF_METRICS = {
    "cpu_usage_core_nanoseconds": ("cpu/usage", ""),
    "memory_usage_bytes": ("memory/usage", ""),
    "memory_working_set_bytes": ("memory/working_set", ""),
    "memory_rss_bytes": ("memory/rss", ""),
    "memory_page_faults": ("memory/page_faults", ""),
    "memory_major_page_faults": ("memory/major_page_faults", ""),
    "network_rx_bytes": ("network/rx", ""),
    "network_rx_errors": ("network/rx_errors", ""),
    "network_tx_bytes": ("network/tx", ""),
    "network_tx_errors": ("network/tx_errors", ""),
    "rx_bytes": ("network/rx", ""),
    "rx_errors": ("network/rx_errors", ""),
    "tx_bytes": ("network/tx", ""),
    "tx_errors": ("network/tx_errors", ""),
    "fs_available_bytes": ("filesystem/available", "/"),
    "fs_capacity_bytes": ("filesystem/limit", "/"),
    "fs_used_bytes": ("filesystem/usage", "/"),
    "rootfs_available_bytes": ("filesystem/available", "/"),
    "rootfs_capacity_bytes": ("filesystem/limit", "/"),
    "rootfs_used_bytes": ("filesystem/usage", "/"),
    "logsfs_available_bytes": ("filesystem/available", "logs"),
    "logsfs_capacity_bytes": ("filesystem/limit", "logs"),
    "logsfs_used_bytes": ("filesystem/usage", "logs"),
    "available_bytes": ("filesystem/available", "Volume:volume1"),
    "capacity_bytes": ("filesystem/limit", "Volume:volume1"),
    "used_bytes": ("filesystem/usage", "Volume:volume1"),
}
TELEGRAF_ONLY = {
    "cpu_usage_nanocores",
    "memory_available_bytes",
    "runtime_image_fs_available_bytes",
    "runtime_image_fs_capacity_bytes",
    "runtime_image_fs_used_bytes",
}


@pytest.mark.parametrize(
    "point",
    json.loads((TELEGRAF / "expected_points.json").read_text()),
    ids=lambda point: f"{point['measurement']} {point['tags'].get('container_name', '')}".strip(),
)
def test_telegraf_has_the_same_values(point: Any) -> None:
    found = values(result_of(TELEGRAF / "stats_summary.json"))[telegraf_key(point["tags"])]
    numbers = {name: value for name, value in point["fields"].items() if name not in TELEGRAF_ONLY}
    # values that the kubelet does not report are 0 in Telegraf and absent here
    assert numbers == {name: found.get(TELEGRAF_METRICS[name], 0) for name in numbers}


def telegraf_key(tags: Mapping[str, str]) -> str:
    name = f"/container:{tags['container_name']}" if "container_name" in tags else ""
    if "pod_name" in tags:
        return f"namespace:{tags['namespace']}/pod:{tags['pod_name']}{name}"
    return f"node:{tags['node_name']}{name}"


WINDOWS: Any = {
    "node": {
        "nodeName": "win",
        "startTime": "2024-06-01T00:00:00Z",
        "systemContainers": [
            {
                "name": "windows-global-commit-memory",
                "startTime": "2024-06-01T00:00:00Z",
                "memory": {"time": "2024-06-01T10:00:00Z", "availableBytes": 7, "usageBytes": 4},
            }
        ],
        "cpu": {"time": "2024-06-01T10:00:00Z", "usageNanoCores": 5, "usageCoreNanoSeconds": 50},
        "memory": {"time": "2024-06-01T10:00:00Z", "availableBytes": 9, "usageBytes": 8, "workingSetBytes": 6},
        "network": None,
        "fs": {"time": "2024-06-01T10:00:00Z", "availableBytes": 30, "capacityBytes": 50, "usedBytes": 20},
        "runtime": {"imageFs": {"time": "2024-06-01T10:00:00Z", "usedBytes": 0}},
        "rlimit": None,
    },
    "pods": [
        {
            "podRef": {"name": "iis", "namespace": "web", "uid": "u"},
            "startTime": "2024-06-01T09:00:00Z",
            "cpu": {"time": "2024-06-01T10:00:00Z", "usageCoreNanoSeconds": 40},
            "memory": {"time": "2024-06-01T10:00:00Z", "workingSetBytes": 3},
            "network": {"time": "2024-06-01T10:00:00Z", "interfaces": None},
            "containers": [
                {
                    "name": "iis",
                    "startTime": "2024-06-01T09:00:00Z",
                    "cpu": {"time": "2024-06-01T10:00:00Z", "usageCoreNanoSeconds": 40},
                    "memory": {"time": "2024-06-01T10:00:00Z", "workingSetBytes": 3},
                    "rootfs": {"time": "2024-06-01T10:00:00Z", "usedBytes": 2, "inodesFree": None},
                    "logs": None,
                    "userDefinedMetrics": None,
                }
            ],
        }
    ],
}


@pytest.mark.parametrize("extended", [False, True])
def test_a_windows_kubelet_reports_less(*, extended: bool) -> None:
    """A synthetic document after the kubelet's code: no RSS, page faults, inodes, swap and process limits."""
    result = derive(summary_scrape(WINDOWS, node="win"), None, LabelRules(), extended=extended)
    assert result.problems == {}
    measured = {
        key: {name for name, _ in found if name.partition("/")[0] not in {"scrape", "uptime"} and "node_" not in name}
        for key, found in values(result).items()
    }
    filesystem = {"filesystem/usage", "filesystem/limit", "filesystem/available"}
    container = {"cpu/usage", "memory/working_set", "filesystem/usage"}
    assert measured == {
        "node:win": {"cpu/usage", "memory/usage", "memory/working_set", "ephemeral_storage/usage", *filesystem},
        "node:win/container:windows-global-commit-memory": {"memory/usage"},
        "namespace:web/pod:iis": {"cpu/usage", "memory/working_set"},
        "namespace:web/pod:iis/container:iis": container,
    }


@cache
def _yaml(path: Path) -> Any:
    return yaml.load(path.read_text(), Loader=yaml.CSafeLoader)
