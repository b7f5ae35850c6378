"""Aggregate: containers to pods, pods to their node, pods to what they add to their namespace and to the cluster.

Source: Heapster's pod, node, namespace and cluster aggregators (docs/processing.md, 8 to 11). The last two span
nodes: here each node says what it adds, `group` puts that together.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Container, Iterable, Mapping
from typing import Final

from processor.core import labels
from processor.core.entity import Entities, Entity, of_type
from processor.core.problems import Problem, Problems
from schemas.catalogue import GROUP_METRICS, MAX_INT, METRICS, MIN_INT, POD, POD_CONTAINER, Number
from schemas.keys import pod_key

PER_ENTITY: Final = frozenset(metric.name for metric in METRICS if metric.kind == "cumulative" or metric.extended) - {
    "restart_count"
}
"""Counters and shares of one cgroup: their sum over several would say nothing. Restarts are added up all the same."""

NODE_SUMS: Final = (
    "cpu/request",
    "cpu/limit",
    "memory/request",
    "memory/limit",
    "ephemeral_storage/request",
    "ephemeral_storage/limit",
)
_POD_LABELS: Final = (
    labels.POD_ID,
    labels.POD_NAME,
    labels.NAMESPACE_NAME,
    labels.NAMESPACE_ID,
    labels.HOSTNAME,
    labels.HOST_ID,
)


def sum_containers(entities: Entities, problems: Problems) -> None:
    """Give each pod the sums over its containers of what it does not report itself; add pods that are missing."""
    pods: defaultdict[str, list[Entity]] = defaultdict(list)
    for container in of_type(entities, POD_CONTAINER):
        pods[pod_key(container.namespace, container.pod)].append(container)
    for key, containers in pods.items():
        pod = entities.get(key)
        if pod is None:
            pod = entities[key] = _pod_of(containers[0], key)
        # always in the same order: the last digit of a float sum depends on it
        containers.sort(key=lambda container: container.container)
        left_out = PER_ENTITY | pod.values.keys()
        pod.values.update(add_up((container.values for container in containers), problems, left_out=left_out))


def sum_pods(node: Entity, pods: Iterable[Entity], problems: Problems) -> None:
    """Give the node the sums of requests and limits of its pods: none at all if it runs none."""
    node.values.update(add_up((_only(pod.values, NODE_SUMS) for pod in pods), problems))


def group_sums(pods: Iterable[Entity], problems: Problems) -> dict[str, Number]:
    """The sums of these pods for their namespace or the cluster; absent where no pod has the metric."""
    return add_up((_only(pod.values, GROUP_METRICS) for pod in pods), problems)


def add_up(
    parts: Iterable[Mapping[str, Number]], problems: Problems, *, left_out: Container[str] = frozenset()
) -> dict[str, Number]:
    """The sum of each metric over the parts that have it.

    A value of another type than the first of its name is left out, a sum that 64 bits cannot hold is absent.
    """
    sums: dict[str, Number] = {}
    for part in parts:
        for name, value in part.items():
            if name in left_out:
                continue
            if name not in sums:
                sums[name] = value
            elif type(sums[name]) is type(value):
                sums[name] += value
            else:
                problems[Problem.VALUE_TYPE_MISMATCH] += 1
    for name in [name for name, value in sums.items() if not MIN_INT <= value <= MAX_INT and not _fits(value)]:
        problems[Problem.SUM_PAST_64_BITS] += 1
        del sums[name]
    return sums


def _fits(value: Number) -> bool:
    return math.isfinite(value) if isinstance(value, float) else MIN_INT <= value <= MAX_INT


def _only(values: Mapping[str, Number], wanted: Collection[str]) -> dict[str, Number]:
    return {name: values[name] for name in wanted if name in values}


def _pod_of(container: Entity, key: str) -> Entity:
    """A pod that was not reported itself."""
    known: dict[str, str] = {name: container.labels[name] for name in _POD_LABELS if name in container.labels}
    return Entity(
        key=key,
        type=POD,
        labels={**known, labels.TYPE: POD},
        namespace=container.namespace,
        pod=container.pod,
    )
