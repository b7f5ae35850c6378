"""cadvisor's metrics and extended metrics through the whole pipeline into InfluxDB."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

import pytest

from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.waiting import wait_until
from tools.chaos.contents import Database
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.process import Process

Tags: TypeAlias = Mapping[str, str]

NODE, DOWN = "n1", "n2"
FIRST_S = 1_762_283_700  # 2025-11-04T19:15:00Z
PSI = {
    "some": {"total": 3400, "avg10": 1.5, "avg60": 1.25, "avg300": 1},
    "full": {"total": 1200, "avg10": 0.5, "avg60": 0.25, "avg300": 0},
}


def time(window: int) -> str:
    return f"2025-11-04T19:{15 + window:02d}:00Z"


def api_node(name: str, address: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "uid": f"uid-{name}"},
        "spec": {},
        "status": {
            "addresses": [{"type": "InternalIP", "address": address}],
            "capacity": {"cpu": "4", "memory": "1000"},
            "allocatable": {"cpu": "4", "memory": "800"},
        },
    }


POD = {
    "metadata": {
        "name": "web-5f9c-x",
        "namespace": "shop",
        "uid": "uid-web",
        "labels": {"app": "web", "pod-template-hash": "5f9c"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web-5f9c", "controller": True}],
    },
    "spec": {
        "nodeName": NODE,
        "containers": [
            {
                "name": "web",
                "image": "web:1",
                "resources": {"requests": {"cpu": "100m", "memory": "50"}, "limits": {"cpu": "1", "memory": "400"}},
            }
        ],
    },
    "status": {"phase": "Running", "startTime": "2025-11-04T19:00:00Z"},
}


def summary(window: int) -> dict[str, Any]:
    used = {
        "cpu": {"time": time(window), "usageCoreNanoSeconds": window * 12_000_000_000, "psi": PSI},
        "memory": {"time": time(window), "usageBytes": 100, "workingSetBytes": 80},
        "swap": {"time": time(window), "swapUsageBytes": 7, "swapAvailableBytes": 9},
    }
    interfaces = [
        {"name": "ens5", "rxBytes": 600 * window, "txBytes": 1},
        {"name": "ens6", "rxBytes": 50, "txBytes": 2},
    ]
    return {
        "node": {
            "nodeName": NODE,
            "startTime": "2025-11-04T18:00:00Z",
            **used,
            "network": {"time": time(window), "interfaces": interfaces},
            "rlimit": {"time": time(window), "maxpid": 125722, "curproc": 1414},
            "systemContainers": [{"name": "kubelet", **used}],
        },
        "pods": [
            {
                "podRef": {"name": "web-5f9c-x", "namespace": "shop", "uid": "uid-web"},
                "startTime": "2025-11-04T19:00:00Z",
                **used,
                "process_stats": {"process_count": 3},
                "network": {"time": time(window), "name": "eth0", "rxBytes": 1, "txBytes": 1},
                "volume": [{"name": "data", "usedBytes": 5, "pvcRef": {"name": "orders", "namespace": "shop"}}],
                "containers": [{"name": "web", "startTime": "2025-11-04T19:00:01Z", **used}],
            }
        ],
    }


def cadvisor(window: int) -> bytes:
    """The cadvisor lines of a current node; the pod's own cgroup has only a page cache."""
    slice_ = "/kubepods.slice/kubepods-podweb.slice"
    cgroups = {"/": ("", ""), "/system.slice/kubelet.service": ("", ""), slice_: ("", "web-5f9c-x")}
    cgroups[f"{slice_}/cri-containerd-39ea.scope"] = ("web", "web-5f9c-x")

    def lines(metric: str, values: list[int], device: str = "") -> Iterator[str]:
        yield f"# TYPE {metric} gauge"
        for (path, (container, pod)), value in zip(cgroups.items(), values, strict=False):
            disk = f'device="{device}",' if device else ""
            name, namespace = ("39ea" if container else "", "shop" if pod else "")
            labels = (
                f'container="{container}",{disk}id="{path}",image="",name="{name}",namespace="{namespace}",pod="{pod}"'
            )
            yield f"{metric}{{{labels}}} {value} {(FIRST_S + 60 * window) * 1000}"

    found = [
        *lines("container_cpu_load_average_10s", [1500, 10, 20, 30]),
        *lines("container_cpu_usage_seconds_total", [1, 1, 1, 1]),
        *lines("container_fs_reads_bytes_total", [600 * window, 0, 0, 1200 * window], "/dev/vda"),
        *lines("container_fs_writes_bytes_total", [60 * window, 0, 0, 0], "/dev/vda"),
        *lines("container_memory_cache", [4000, 40, 400, 300]),
    ]
    return ("\n".join(found) + "\n").encode()


def show(world: FixedWorld, window: int) -> None:
    world.show(
        nodes=[api_node(NODE, "127.0.7.1"), api_node(DOWN, "127.0.7.2")],
        pods=[POD],
        namespaces=[{"metadata": {"name": "shop", "uid": "uid-shop"}}],
        summaries={NODE: summary(window)},  # the other node answers 404
        cadvisor={NODE: cadvisor(window)},
    )


ON_NODE = {"type": "node", "nodename": NODE}
ON_POD = {"type": "pod", "pod_name": "web-5f9c-x", "workload": "web", "workload_kind": "Deployment"}
ON_CONTAINER = {"type": "pod_container", "container_name": "web", "workload": "web", "workload_kind": "Deployment"}
ON_KUBELET = {"type": "sys_container", "container_name": "kubelet", "nodename": NODE}
OF_WORKLOAD = {"type": "workload", "namespace_name": "shop", "workload": "web", "workload_kind": "Deployment"}
DISK = {"resource_id": "/dev/vda"}

EXPECTED: list[tuple[str, Tags, float]] = [
    ("memory/cache", ON_NODE, 4000),
    ("memory/cache", ON_KUBELET, 40),
    ("memory/cache", ON_POD, 400),
    ("memory/cache", ON_CONTAINER, 300),
    ("cpu/load", ON_NODE, 1500),
    ("cpu/load", ON_CONTAINER, 30),
    ("disk/io_read_bytes", ON_NODE | DISK, 600),
    ("disk/io_read_bytes_rate", ON_NODE | DISK, 10.0),
    ("disk/io_write_bytes_rate", ON_NODE | DISK, 1.0),
    ("disk/io_read_bytes_rate", ON_CONTAINER | DISK, 20.0),
    ("network/rx", ON_NODE, 650),
    ("network/rx_rate", ON_NODE, 10.0),
    ("network/interface_rx", ON_NODE | {"interface": "ens6"}, 50),
    ("memory/swap_usage", ON_CONTAINER, 7),
    ("memory/swap_available", ON_KUBELET, 9),
    ("pressure/cpu_some_avg10", ON_POD, 1.5),
    ("pressure/cpu_full_total", ON_NODE, 1200),
    ("process/count", ON_NODE, 1414),
    ("process/count", ON_POD, 3),
    ("process/limit", ON_NODE, 125722),
    ("filesystem/usage", ON_POD | {"resource_id": "Volume:data", "pvc": "orders"}, 5),
    ("cpu/limit_utilization", ON_CONTAINER, 0.2),
    ("memory/request_utilization", ON_POD, 2.0),
    ("memory/node_share", ON_POD, 0.1),
    ("memory/node_working_set_utilization", ON_NODE, 0.1),
    ("cpu/request", OF_WORKLOAD, 100),
    ("cpu/usage_rate", OF_WORKLOAD, 200),
    ("memory/limit", OF_WORKLOAD, 400),
    ("scrape/up", ON_NODE, 1),
    ("scrape/cadvisor_up", ON_NODE, 1),
    ("scrape/up", {"type": "node", "nodename": DOWN}, 0),
]


def found(database: Database, metric: str, tags: Tags) -> float | None:
    """The last value of the series, None if there is none."""
    where = " AND ".join(f"\"{name}\" = '{value}'" for name, value in tags.items())
    values = [
        row[1]
        for series in database.query(f'SELECT last("value") FROM "{metric}" WHERE {where}')
        for row in series["values"]
    ]
    return values[-1] if values else None


def test_cadvisor_and_extended_metrics_arrive_in_influxdb(
    own_kafka: Callable[[], Kafka], influxdb: InfluxDB, influx_database: str, service: Callable[..., Process]
) -> None:
    kafka, world = own_kafka(), FixedWorld()
    show(world, 0)
    database = Database(influxdb, influx_database)
    with SimulatedCluster.fixed(world) as cluster:
        source = f"kubernetes:{cluster.api_url}?inClusterConfig=false&kubeletPort={cluster.kubelet_port}&cadvisor=true"
        brokers = f"--kafka-brokers={kafka.bootstrap}"
        sink = f"influxdb:{influxdb.url}?db={influx_database}&user={influxdb.user}&pw={influxdb.password}"
        service("processor", brokers, "--extended-metrics")
        service("writer", brokers, f"--sink={sink}")
        service("scraper", brokers, f"--source={source}", "--metric-resolution=5s")
        wait_until(lambda: found(database, "memory/cache", ON_NODE) is not None, "the first window in InfluxDB")
        show(world, 1)
        missing: list[tuple[str, Tags, float | None]] = []

        def arrived() -> bool:
            missing[:] = [
                (metric, tags, got)
                for metric, tags, value in EXPECTED
                if (got := found(database, metric, tags)) is None or got != pytest.approx(value)
            ]
            return not missing

        try:
            wait_until(arrived, "all metrics")
        except pytest.fail.Exception:
            pytest.fail(f"not as expected: {missing}")
