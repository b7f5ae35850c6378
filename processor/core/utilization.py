"""Utilization: a node's capacity, utilization and reservation (docs/processing.md, 12).

The divisor is the allocatable amount, not the capacity. Runs last, because the node's requests are sums over its pods.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from processor.core.entity import Entity
from processor.core.labels import LabelRules
from processor.core.problems import Problems
from processor.core.quantity import millicores, whole
from processor.core.resources import CPU, EPHEMERAL_STORAGE, MEMORY, read_quantity
from schemas.catalogue import NODE
from schemas.metric_set import MetricSet
from schemas.node_scrape import NodeScrape

_CPU_UTILIZATION: Final = "cpu/node_utilization"


class _Resource(NamedTuple):
    """One resource of a node: the prefix of its metrics, and the metrics that are divided by the allocatable amount."""

    prefix: str
    name: str  # in the Kubernetes API
    convert: Callable[[str], int]
    used: str
    requested: str


_CPU_AND_MEMORY: Final = (
    _Resource("cpu", CPU, millicores, used="cpu/usage_rate", requested="cpu/request"),
    _Resource("memory", MEMORY, whole, used="memory/usage", requested="memory/request"),
)
_EPHEMERAL_STORAGE: Final = _Resource(
    "ephemeral_storage",
    EPHEMERAL_STORAGE,
    whole,
    used="ephemeral_storage/usage",
    requested="ephemeral_storage/request",
)


def enrich_node(node: Entity, scrape: NodeScrape, rules: LabelRules, problems: Problems) -> None:
    """Add the node's labels, capacities, utilization and reservation.

    An amount that the API does not list is 0.0, and nothing is divided by it. Ephemeral storage has metrics only if
    the API lists its capacity and its allocatable amount.
    """
    node.labels.update(rules.entity_labels(scrape.labels))
    for resource in _CPU_AND_MEMORY:
        _add(node, resource, scrape, problems)
    if EPHEMERAL_STORAGE in scrape.capacity and EPHEMERAL_STORAGE in scrape.allocatable:
        _add(node, _EPHEMERAL_STORAGE, scrape, problems)


def without_cpu_utilization(sets: Iterable[MetricSet]) -> tuple[MetricSet, ...]:
    """The metric sets of a late scrape, for which no rates are known, without the node's CPU utilization.

    As in Heapster, a scrape without rates has the CPU utilization 0; a late scrape's would overwrite the true value.
    """
    return tuple(_without(each, _CPU_UTILIZATION) if each.type == NODE else each for each in sets)


def _without(metric_set: MetricSet, metric: str) -> MetricSet:
    return metric_set._replace(values={name: value for name, value in metric_set.values.items() if name != metric})


def _add(node: Entity, resource: _Resource, scrape: NodeScrape, problems: Problems) -> None:
    amounts = {"capacity": scrape.capacity, "allocatable": scrape.allocatable}
    for amount, quantities in amounts.items():
        number = read_quantity(quantities.get(resource.name, "0"), resource.convert, problems)
        if number is not None:
            node.values[f"{resource.prefix}/node_{amount}"] = float(number)
    allocatable = node.values.get(f"{resource.prefix}/node_allocatable")
    if allocatable:
        node.values[f"{resource.prefix}/node_utilization"] = node.values.get(resource.used, 0) / allocatable
        node.values[f"{resource.prefix}/node_reservation"] = node.values.get(resource.requested, 0) / allocatable
