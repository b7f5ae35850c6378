"""What runs in the simulated cluster: a workload of every kind that metrics tell apart, and the namespaces."""

from collections.abc import Mapping
from typing import Final

from simulator.workloads import MIB, ContainerSpec, Workload

TRAINER: Final = Workload(
    name="trainer",
    namespace="ml",
    labels={"app": "trainer", "app.kubernetes.io/part-of": "recommender"},
    volumes=("models", "scratch"),
    containers=(
        ContainerSpec(
            name="train",
            image="registry.example/ml/train:2.3",
            requests={"cpu": "0.25", "memory": "256Mi", "ephemeral-storage": "1Gi", "nvidia.com/gpu": "1"},
            limits={"cpu": "1", "memory": "512Mi", "ephemeral-storage": "2Gi", "nvidia.com/gpu": "1"},
            millicores=180,
            memory_bytes=200 * MIB,
            gpus=1,
            user_metrics={"samples_per_second": "gauge", "samples_seen": "cumulative"},
        ),
        ContainerSpec(
            name="encode",
            image="registry.example/ml/encode:2.3",
            requests={"cpu": "50m", "memory": "134217728", "example.com/fpga": "2"},
            limits={"memory": "200M", "example.com/fpga": "2"},
            memory_bytes=90 * MIB,
        ),
    ),
)
DAEMONS: Final = (
    Workload(
        name="kube-proxy",
        namespace="kube-system",
        owner="DaemonSet",
        labels={"k8s-app": "kube-proxy"},
        host_network=True,
        containers=(
            ContainerSpec(
                name="kube-proxy",
                image="registry.example/kube-proxy:v1.31.0",
                requests={"cpu": "10m"},
                millicores=5,
                memory_bytes=30 * MIB,
            ),
        ),
    ),
    Workload(
        name="node-cache",
        namespace="kube-system",
        labels={"component": "node-cache", "tier": "control-plane"},
        static=True,
        owner="Node",
        containers=(
            ContainerSpec(
                name="node-cache",
                image="registry.example/node-cache:1.23",
                requests={"cpu": "25m", "memory": "5Mi"},
                millicores=8,
                memory_bytes=20 * MIB,
            ),
        ),
    ),
)
SERVICES: Final = (
    Workload(
        name="storefront",
        namespace="shop",
        labels={"app": "storefront", "tier": "web"},
        life_s=(1800, 5400),
        volumes=("data",),
        init_container="migrate",
        relabelled=True,
        containers=(
            ContainerSpec(
                name="web",
                image="registry.example/shop/web:1.0",
                requests={"cpu": "100m", "memory": "64Mi", "ephemeral-storage": "100Mi"},
                limits={"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "1Gi"},
                millicores=60,
                memory_bytes=50 * MIB,
            ),
            ContainerSpec(
                name="proxy",
                image="registry.example/proxy:1.9",
                requests={"cpu": "0.05", "memory": "33554432"},
                memory_bytes=24 * MIB,
                restarts=True,
            ),
        ),
    ),
    Workload(
        name="cart",
        namespace="shop",
        labels={"app": "cart", "tier": "backend"},
        life_s=(180, 720),
        containers=(
            ContainerSpec(
                name="cart",
                image="registry.example/shop/cart:7",
                requests={"cpu": "0.1", "memory": "128M"},
                limits={"memory": "1G"},
                millicores=40,
                memory_bytes=100 * MIB,
            ),
        ),
    ),
    Workload(
        name="report",
        namespace="batch",
        labels={"job-name": "report"},
        life_s=(240, 600),
        finishes=True,
        owner="CronJob",
        containers=(
            ContainerSpec(
                name="report",
                image="registry.example/batch/report:3",
                requests={"cpu": "200m", "memory": "100Mi"},
                millicores=120,
                memory_bytes=70 * MIB,
            ),
        ),
    ),
    Workload(
        name="queue",
        namespace="shop",
        owner="StatefulSet",
        labels={"app": "queue", "tier": "backend"},
        volumes=("journal",),
        containers=(
            ContainerSpec(
                name="broker",
                image="registry.example/shop/queue:5.1",
                requests={"cpu": "150m", "memory": "192Mi"},
                limits={"cpu": "1", "memory": "0.25Gi"},
                millicores=80,
                memory_bytes=170 * MIB,
                user_metrics={"queue_length": "gauge"},
            ),
        ),
    ),
    Workload(
        name="importer",
        namespace="staging",
        labels={"app": "importer"},
        life_s=(3600, 7200),
        containers=(
            ContainerSpec(
                name="fetch",
                image="registry.example/staging/fetch:main",
                requests={"cpu": "1e-1", "memory": "32Mi"},
                memory_bytes=28 * MIB,
            ),
            ContainerSpec(
                name="transform",
                image="registry.example/staging/transform:main",
                requests={"cpu": "100m", "memory": "64Mi"},
                crash_loops=True,
            ),
        ),
    ),
    Workload(
        name="sleeper",
        namespace="default",
        owner=None,
        labels={},
        containers=(ContainerSpec(name="sleep", image="registry.example/busybox", millicores=1, memory_bytes=MIB),),
    ),
)
UNSCHEDULABLE: Final = Workload(
    name="giant",
    namespace="default",
    owner=None,
    labels={"app": "giant"},
    containers=(
        ContainerSpec(name="giant", image="registry.example/giant:1", requests={"cpu": "1k", "memory": "1Pi"}),
    ),
)
NAMESPACES: Final[Mapping[str, Mapping[str, str]]] = {
    "batch": {"team": "finance"},
    "default": {},
    "kube-system": {},
    "ml": {"team": "research", "cost-centre": "4711"},
    "shop": {"team": "shop", "stage": "production"},
    "staging": {"team": "shop", "stage": "staging"},
}


def workload_of(node: int, slot: int) -> Workload:
    """What runs in a node's slot: on every third node a trainer first, then the daemons, then services in turn."""
    if node % 3 == 0:
        if slot == 0:
            return TRAINER
        slot -= 1
    if slot < len(DAEMONS):
        return DAEMONS[slot]
    return SERVICES[(slot - len(DAEMONS) + node) % len(SERVICES)]
