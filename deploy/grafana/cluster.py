"""Grafana dashboards of the cluster and its nodes, from InfluxDB."""

from typing import Final

from deploy.grafana.influxql import (
    CLUSTER,
    NAMESPACE,
    NODE,
    OF_NODES,
    ONE_CLUSTER,
    POD,
    ROOT_DISK,
    SYSTEM,
    mean,
    tag_values,
    total,
)
from deploy.grafana.panels import BYTES, BYTES_PER_S, MILLICORES, RATIO, Dashboard, Panel, Variable

_CLUSTER: Final = Variable("cluster", tag_values("cluster_name"), multiple=False)
_NODE: Final = Variable("node", tag_values("nodename", ONE_CLUSTER))
_OF_CLUSTER: Final = "Sums over all pods, computed by the processor."

OVERVIEW: Final = Dashboard(
    "cluster",
    "Cluster",
    (
        Panel(
            "CPU",
            MILLICORES,
            (
                mean("cpu/usage_rate", CLUSTER, "usage"),
                mean("cpu/request", CLUSTER, "requests"),
                mean("cpu/limit", CLUSTER, "limits"),
                total("cpu/node_allocatable", NODE, "allocatable", "nodename"),
            ),
            _OF_CLUSTER,
        ),
        Panel(
            "Memory",
            BYTES,
            (
                mean("memory/usage", CLUSTER, "usage"),
                total("memory/working_set", NODE, "working set of nodes", "nodename"),
                mean("memory/request", CLUSTER, "requests"),
                mean("memory/limit", CLUSTER, "limits"),
                total("memory/node_allocatable", NODE, "allocatable", "nodename"),
            ),
            _OF_CLUSTER,
        ),
        Panel(
            "Network",
            BYTES_PER_S,
            (
                total("network/rx_rate", NODE, "received", "nodename"),
                total("network/tx_rate", NODE, "sent", "nodename"),
            ),
            "Sums over the nodes.",
        ),
        Panel(
            "Root file systems",
            BYTES,
            (
                total("filesystem/usage", NODE + ROOT_DISK, "usage", "nodename"),
                total("filesystem/limit", NODE + ROOT_DISK, "size", "nodename"),
            ),
            "Sums over the nodes.",
        ),
        Panel("CPU by node", RATIO, (mean("cpu/node_utilization", NODE, "$tag_nodename", "nodename"),)),
        Panel("Memory by node", RATIO, (mean("memory/node_utilization", NODE, "$tag_nodename", "nodename"),)),
        Panel(
            "CPU by namespace",
            MILLICORES,
            (mean("cpu/usage_rate", NAMESPACE, "$tag_namespace_name", "namespace_name"),),
        ),
        Panel(
            "Memory by namespace", BYTES, (mean("memory/usage", NAMESPACE, "$tag_namespace_name", "namespace_name"),)
        ),
    ),
    (_CLUSTER,),
)

NODES: Final = Dashboard(
    "nodes",
    "Nodes",
    (
        Panel(
            "CPU as a share of allocatable",
            RATIO,
            (
                mean("cpu/node_utilization", NODE + OF_NODES, "$tag_nodename used", "nodename"),
                mean("cpu/node_reservation", NODE + OF_NODES, "$tag_nodename requested", "nodename"),
            ),
        ),
        Panel(
            "Memory as a share of allocatable",
            RATIO,
            (
                mean("memory/node_utilization", NODE + OF_NODES, "$tag_nodename used", "nodename"),
                mean("memory/node_reservation", NODE + OF_NODES, "$tag_nodename requested", "nodename"),
            ),
        ),
        Panel("CPU", MILLICORES, (mean("cpu/usage_rate", NODE + OF_NODES, "$tag_nodename", "nodename"),)),
        Panel(
            "Memory",
            BYTES,
            (
                mean("memory/usage", NODE + OF_NODES, "$tag_nodename usage", "nodename"),
                mean("memory/working_set", NODE + OF_NODES, "$tag_nodename working set", "nodename"),
            ),
        ),
        Panel(
            "Network",
            BYTES_PER_S,
            (
                mean("network/rx_rate", NODE + OF_NODES, "$tag_nodename received", "nodename"),
                mean("network/tx_rate", NODE + OF_NODES, "$tag_nodename sent", "nodename"),
            ),
        ),
        Panel(
            "File systems",
            BYTES,
            (mean("filesystem/usage", NODE + OF_NODES, "$tag_nodename $tag_resource_id", "nodename", "resource_id"),),
        ),
        Panel(
            "CPU by pod",
            MILLICORES,
            (
                mean(
                    "cpu/usage_rate", POD + OF_NODES, "$tag_namespace_name/$tag_pod_name", "namespace_name", "pod_name"
                ),
            ),
        ),
        Panel(
            "Memory by pod",
            BYTES,
            (mean("memory/usage", POD + OF_NODES, "$tag_namespace_name/$tag_pod_name", "namespace_name", "pod_name"),),
        ),
        Panel(
            "Memory of system containers",
            BYTES,
            (
                mean(
                    "memory/usage",
                    SYSTEM + OF_NODES,
                    "$tag_nodename $tag_container_name",
                    "nodename",
                    "container_name",
                ),
            ),
        ),
    ),
    (_CLUSTER, _NODE),
)
