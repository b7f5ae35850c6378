"""Usage: nodes and pods as the resource metrics API shows them (docs/api.md).

A node needs both values in its newest window, a pod both of every container of its spec: half a pod would make an
autoscaler take it for idle. Whoever has not is left out.
"""

from typing import Final, NamedTuple

from api.store.row import Reading
from schemas.keys import name_of, pod_name

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


class PodUsage(NamedTuple):
    """One pod, with the containers of its spec."""

    namespace: str
    name: str
    containers: tuple[Usage, ...]
    window_end_ns: int


def node_usage(node: Reading) -> NodeUsage | None:
    """None if a value is missing."""
    usage = _usage(node)
    return None if usage is None else NodeUsage(usage, node.window_end_ns)


def pod_usage(pod: Reading) -> PodUsage | None:
    """None if a value of a container is missing, or there is no container."""
    usages: list[Usage] = []
    for container in pod.below():
        if not any(container.entity.find(metric) for metric in _OF_THE_SPEC):
            continue
        usage = _usage(container)
        if usage is None:
            return None
        usages.append(usage)
    if not usages:
        return None
    namespace, name = pod_name(pod.key)
    return PodUsage(namespace, name, tuple(usages), pod.window_end_ns)


def _usage(reading: Reading) -> Usage | None:
    cpu, memory = reading.value(CPU), reading.value(MEMORY)
    if cpu is None or memory is None:
        return None
    return Usage(name_of(reading.key), int(cpu), int(memory))
