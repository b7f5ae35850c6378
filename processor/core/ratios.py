"""Ratios: usage relative to requests, limits and the node's capacity (docs/metrics.md, beyond Heapster).

Usage is cpu/usage_rate and memory/usage, as in Heapster's node utilization. The node also gets the ratio of its working
set, the amount by which the kubelet decides on evictions.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Final

from processor.core.entity import Entities, Entity, of_type
from schemas.catalogue import POD, POD_CONTAINER
from schemas.keys import pod_key

USED: Final[Mapping[str, str]] = {"cpu": "cpu/usage_rate", "memory": "memory/usage"}
BOUNDS: Final = ("request", "limit")


def add_ratios(entities: Entities, node: Entity) -> None:
    """Add ratios to containers, pods and the node; absent if the usage is absent or the divisor is 0 or absent.

    A pod has the ratio of a request or limit only if each of its containers has this request or limit.
    """
    containers: defaultdict[str, list[Entity]] = defaultdict(list)
    for container in of_type(entities, POD_CONTAINER):
        containers[pod_key(container.namespace, container.pod)].append(container)
        _add_bounds(container, [container])
        _add_node_shares(container, node)
    for pod in of_type(entities, POD):
        _add_bounds(pod, containers[pod.key])
        _add_node_shares(pod, node)
    _divide(node, "memory/node_working_set_utilization", node, "memory/working_set", "memory/node_allocatable")


def _add_bounds(entity: Entity, containers: Iterable[Entity]) -> None:
    for resource, used in USED.items():
        for bound in BOUNDS:
            metric = f"{resource}/{bound}"
            if all(container.values.get(metric) for container in containers):
                _divide(entity, f"{metric}_utilization", entity, used, metric)


def _add_node_shares(entity: Entity, node: Entity) -> None:
    for resource, used in USED.items():
        _divide(entity, f"{resource}/node_share", node, used, f"{resource}/node_capacity")


def _divide(entity: Entity, ratio: str, whole: Entity, used: str, amount: str) -> None:
    """Set `ratio` to the entity's `used` divided by the `amount` of `whole`."""
    divisor = whole.values.get(amount)
    if used in entity.values and divisor:
        entity.values[ratio] = entity.values[used] / divisor
