"""Aggregate: sum containers into pods, pods into their node, and pods into the node's share of its groups' sums.

Source: Heapster's pod, node, namespace and cluster aggregators (docs/processing.md, 8 to 11). Namespaces and the
cluster span nodes: here each node's share is computed, `processor.state` adds the shares up.
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

NOT_SUMMED: Final = frozenset(metric.name for metric in METRICS if metric.kind == "cumulative" or metric.extended) - {
    "restart_count"
}
"""Counters and ratios of one cgroup: their sum over containers has no meaning. Restart counts are summed."""

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
    """Add to each pod the sums over its containers of metrics that it does not report; add pods that are missing."""
    pods: defaultdict[str, list[Entity]] = defaultdict(list)
    for container in of_type(entities, POD_CONTAINER):
        pods[pod_key(container.namespace, container.pod)].append(container)
    for key, containers in pods.items():
        pod = entities.get(key)
        if pod is None:
            pod = entities[key] = _unreported_pod(containers[0], key)
        # a fixed order: the last digit of a float sum depends on it
        containers.sort(key=lambda container: container.container)
        exclude = NOT_SUMMED | pod.values.keys()
        pod.values.update(add_up((container.values for container in containers), problems, exclude=exclude))


def sum_pods(node: Entity, pods: Iterable[Entity], problems: Problems) -> None:
    """Add to the node the sums of its pods' requests and limits; absent if it runs no pods."""
    node.values.update(add_up((_select(pod.values, NODE_SUMS) for pod in pods), problems))


def group_sums(pods: Iterable[Entity], problems: Problems) -> dict[str, Number]:
    """The sums of these pods for their group; a metric that no pod has is absent."""
    return add_up((_select(pod.values, GROUP_METRICS) for pod in pods), problems)


def add_up(
    parts: Iterable[Mapping[str, Number]], problems: Problems, *, exclude: Container[str] = frozenset()
) -> dict[str, Number]:
    """The sum of each metric over the parts that have it.

    A value whose type differs from the metric's first value is skipped; a sum that does not fit in 64 bits is absent.
    """
    sums: dict[str, Number] = {}
    for part in parts:
        for name, value in part.items():
            if name in exclude:
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


def _select(values: Mapping[str, Number], names: Collection[str]) -> dict[str, Number]:
    return {name: values[name] for name in names if name in values}


def _unreported_pod(container: Entity, key: str) -> Entity:
    """A pod that the kubelet did not report, with the labels that its container knows."""
    pod_labels: dict[str, str] = {name: container.labels[name] for name in _POD_LABELS if name in container.labels}
    return Entity(
        key=key,
        type=POD,
        labels={**pod_labels, labels.TYPE: POD},
        namespace=container.namespace,
        pod=container.pod,
    )
