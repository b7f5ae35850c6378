"""Usage: nodes and pods as the resource metrics API shows them (docs/api.md).

A node needs both values in its newest window, a pod both of every container of its spec: half a pod would make an
autoscaler take it for idle. Whoever has not is left out.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final, NamedTuple

from api.columns import Labels
from api.reading import Reading
from schemas.catalogue import POD, POD_CONTAINER
from schemas.keys import name_of, pod_name, pod_of

CPU: Final = "cpu/usage_rate"
MEMORY: Final = "memory/working_set"
_OF_THE_SPEC: Final = ("cpu/request", "memory/request", "cpu/limit", "memory/limit")
"""Every container of a pod's spec has these, 0 where nothing is requested; no other container has one."""


class Usage(NamedTuple):
    """Of one node or container."""

    name: str
    cpu_millicores: int
    memory_bytes: int


class NodeUsage(NamedTuple):
    """One node."""

    usage: Usage
    window_end_ns: int
    object_labels: Labels


class PodUsage(NamedTuple):
    """One pod, with the containers of its spec."""

    namespace: str
    name: str
    containers: tuple[Usage, ...]
    window_end_ns: int
    object_labels: Labels


def node_usage(node: Reading) -> NodeUsage | None:
    """None if a value is missing."""
    usage = _usage(node)
    return None if usage is None else NodeUsage(usage, node.window_end_ns, node.entity.object_labels)


def pod_usages(readings: Iterable[Reading]) -> list[PodUsage]:
    """Of the pods among these metric sets, whose containers are among them too; in the order of their names."""
    pods: list[Reading] = []
    containers: defaultdict[str, list[Reading]] = defaultdict(list)
    for reading in readings:
        if reading.entity.type == POD:
            pods.append(reading)
        elif reading.entity.type == POD_CONTAINER:
            containers[pod_of(reading.key)].append(reading)
    found = (_pod_usage(pod, containers[pod.key]) for pod in pods)
    return sorted(usage for usage in found if usage is not None)


def _pod_usage(pod: Reading, containers: Iterable[Reading]) -> PodUsage | None:
    usages: list[Usage] = []
    for container in containers:
        elsewhere = container.row is not pod.row  # the pod has moved: left over from where it was
        if elsewhere or not any(container.entity.find(metric) for metric in _OF_THE_SPEC):
            continue
        usage = _usage(container)
        if usage is None:
            return None
        usages.append(usage)
    if not usages:
        return None
    namespace, name = pod_name(pod.key)
    return PodUsage(namespace, name, tuple(usages), pod.window_end_ns, pod.entity.object_labels)


def _usage(reading: Reading) -> Usage | None:
    cpu, memory = reading.value(CPU), reading.value(MEMORY)
    if cpu is None or memory is None:
        return None
    return Usage(name_of(reading.key), int(cpu), int(memory))
