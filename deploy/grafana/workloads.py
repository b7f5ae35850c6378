"""Grafana dashboards of namespaces and pods, from InfluxDB."""

from typing import Final

from deploy.grafana.influxql import (
    CONTAINER,
    NAMESPACE,
    OF_NAMESPACE,
    OF_NAMESPACES,
    OF_POD,
    ONE_CLUSTER,
    POD,
    mean,
    tag_values,
    total,
)
from deploy.grafana.panels import BYTES, BYTES_PER_S, COUNT, MILLICORES, Dashboard, Panel, Variable

_CLUSTER: Final = Variable("cluster", tag_values("cluster_name"), multiple=False)
_NAMESPACE: Final = Variable("namespace", tag_values("namespace_name", ONE_CLUSTER))

NAMESPACES: Final = Dashboard(
    "namespaces",
    "Namespaces",
    (
        Panel(
            "CPU",
            MILLICORES,
            (
                mean("cpu/usage_rate", NAMESPACE + OF_NAMESPACES, "$tag_namespace_name usage", "namespace_name"),
                mean("cpu/request", NAMESPACE + OF_NAMESPACES, "$tag_namespace_name requests", "namespace_name"),
                mean("cpu/limit", NAMESPACE + OF_NAMESPACES, "$tag_namespace_name limits", "namespace_name"),
            ),
        ),
        Panel(
            "Memory",
            BYTES,
            (
                mean("memory/usage", NAMESPACE + OF_NAMESPACES, "$tag_namespace_name usage", "namespace_name"),
                mean("memory/request", NAMESPACE + OF_NAMESPACES, "$tag_namespace_name requests", "namespace_name"),
                mean("memory/limit", NAMESPACE + OF_NAMESPACES, "$tag_namespace_name limits", "namespace_name"),
            ),
        ),
        Panel(
            "Network",
            BYTES_PER_S,
            tuple(
                total(metric, POD + OF_NAMESPACES, f"$tag_namespace_name {what}", "pod_name", by=("namespace_name",))
                for metric, what in (("network/rx_rate", "received"), ("network/tx_rate", "sent"))
            ),
            "Sums over the pods.",
        ),
        Panel(
            "Restarts of containers",
            COUNT,
            (total("restart_count", POD + OF_NAMESPACES, "$tag_namespace_name", "pod_name", by=("namespace_name",)),),
            "Sum over the current pods. It falls when a pod is deleted.",
        ),
        Panel(
            "CPU by pod",
            MILLICORES,
            (
                mean(
                    "cpu/usage_rate",
                    POD + OF_NAMESPACES,
                    "$tag_namespace_name/$tag_pod_name",
                    "namespace_name",
                    "pod_name",
                ),
            ),
        ),
        Panel(
            "Memory by pod",
            BYTES,
            (
                mean(
                    "memory/usage",
                    POD + OF_NAMESPACES,
                    "$tag_namespace_name/$tag_pod_name",
                    "namespace_name",
                    "pod_name",
                ),
            ),
        ),
    ),
    (_CLUSTER, _NAMESPACE),
)

_IN_POD: Final = OF_NAMESPACE + OF_POD

PODS: Final = Dashboard(
    "pods",
    "Pods",
    (
        Panel(
            "CPU by container",
            MILLICORES,
            tuple(
                mean(metric, CONTAINER + _IN_POD, f"$tag_container_name {what}", "container_name")
                for metric, what in (("cpu/usage_rate", "usage"), ("cpu/request", "request"), ("cpu/limit", "limit"))
            ),
        ),
        Panel(
            "Memory by container",
            BYTES,
            tuple(
                mean(metric, CONTAINER + _IN_POD, f"$tag_container_name {what}", "container_name")
                for metric, what in (
                    ("memory/usage", "usage"),
                    ("memory/working_set", "working set"),
                    ("memory/request", "request"),
                    ("memory/limit", "limit"),
                )
            ),
        ),
        Panel(
            "Network",
            BYTES_PER_S,
            (
                mean("network/rx_rate", POD + _IN_POD, "received"),
                mean("network/tx_rate", POD + _IN_POD, "sent"),
            ),
        ),
        Panel(
            "Volumes",
            BYTES,
            (
                mean("filesystem/usage", POD + _IN_POD, "$tag_resource_id usage", "resource_id"),
                mean("filesystem/limit", POD + _IN_POD, "$tag_resource_id size", "resource_id"),
            ),
        ),
        Panel(
            "Restarts by container",
            COUNT,
            (mean("restart_count", CONTAINER + _IN_POD, "$tag_container_name", "container_name"),),
        ),
        Panel(
            "Major page faults",
            "suffix:/s",
            (mean("memory/major_page_faults_rate", CONTAINER + _IN_POD, "$tag_container_name", "container_name"),),
        ),
    ),
    (
        _CLUSTER,
        _NAMESPACE._replace(multiple=False),
        Variable("pod", tag_values("pod_name", ONE_CLUSTER + OF_NAMESPACE), multiple=False),
    ),
)
