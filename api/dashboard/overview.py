"""The overview of the cluster: usage, requests, allocatable, and the utilization of each node."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from api.store.row import Reading
from api.store.snapshot import NodeState, Snapshot
from api.store.times import NS_PER_MS
from schemas.catalogue import Number
from schemas.keys import name_of

_RESOURCES: Final = {"cpu": "cpu/usage_rate", "memory": "memory/usage"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """One resource of the cluster in millicores or bytes: sums over pods, and over current nodes."""

    usage: Number | None
    request: Number | None
    limit: Number | None
    allocatable: Number | None
    capacity: Number | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The data of the overview page."""

    window_ms: int | None  # end of the window of the sums; None: no current sums
    nodes: int
    nodes_silent: int  # seen in the last fifteen minutes, but not current
    nodes_counted: int  # in the sums
    nodes_expected: int
    namespaces: int
    pods: int
    cpu: Amounts
    memory: Amounts
    map: list[tuple[str, float | None, float | None]]  # each node: name, CPU utilization, memory utilization


def overview(snapshot: Snapshot) -> Overview:
    """Compute the overview."""
    nodes, cluster = snapshot.nodes, snapshot.cluster
    return Overview(
        window_ms=None if cluster is None else cluster.window_end_ns // NS_PER_MS,
        nodes=snapshot.state.nodes,
        nodes_silent=sum(1 for node in nodes if node.reading is None),
        nodes_counted=snapshot.state.nodes_counted,
        nodes_expected=snapshot.state.nodes_expected,
        namespaces=len(snapshot.namespaces),
        pods=len(snapshot.pods),
        cpu=_amounts("cpu", cluster, nodes),
        memory=_amounts("memory", cluster, nodes),
        map=[(name_of(node.key), _utilization(node, "cpu"), _utilization(node, "memory")) for node in nodes],
    )


def _amounts(resource: str, cluster: Reading | None, nodes: Iterable[NodeState]) -> Amounts:
    there = [node.reading for node in nodes if node.reading is not None]
    return Amounts(
        usage=None if cluster is None else cluster.value(_RESOURCES[resource]),
        request=None if cluster is None else cluster.value(f"{resource}/request"),
        limit=None if cluster is None else cluster.value(f"{resource}/limit"),
        allocatable=_sum(there, f"{resource}/node_allocatable"),
        capacity=_sum(there, f"{resource}/node_capacity"),
    )


def _sum(readings: Iterable[Reading], metric: str) -> Number | None:
    values = [value for reading in readings if (value := reading.value(metric)) is not None]
    return sum(values) if values else None


def _utilization(node: NodeState, resource: str) -> float | None:
    value = None if node.reading is None else node.reading.value(f"{resource}/node_utilization")
    return None if value is None else round(float(value), 4)
