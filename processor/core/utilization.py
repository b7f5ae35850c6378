"""Utilization: a node's capacity, and how much of it is requested and used (docs/processing.md, 12).

The denominator is what is allocatable to pods, not the capacity. Runs last: the node's requests are sums over its pods.
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


class _Share(NamedTuple):
    """One resource of a node: what its metrics begin with, and what is divided by the allocatable amount."""

    prefix: str
    resource: str
    convert: Callable[[str], int]
    used: str
    requested: str


ALWAYS: Final = (
    _Share("cpu", CPU, millicores, used="cpu/usage_rate", requested="cpu/request"),
    _Share("memory", MEMORY, whole, used="memory/usage", requested="memory/request"),
)
IF_LISTED: Final = _Share(
    "ephemeral_storage",
    EPHEMERAL_STORAGE,
    whole,
    used="ephemeral_storage/usage",
    requested="ephemeral_storage/request",
)


def enrich_node(node: Entity, scrape: NodeScrape, rules: LabelRules, problems: Problems) -> None:
    """Add the node's labels, capacities and ratios.

    An amount the API does not list is 0.0, and nothing is divided by it; ephemeral storage has no metrics at all
    unless both amounts are listed.
    """
    node.labels.update(rules.entity_labels(scrape.labels))
    for share in ALWAYS:
        _add(node, share, scrape, problems)
    if EPHEMERAL_STORAGE in scrape.capacity and EPHEMERAL_STORAGE in scrape.allocatable:
        _add(node, IF_LISTED, scrape, problems)


def unrated(sets: Iterable[MetricSet]) -> tuple[MetricSet, ...]:
    """The metric sets of a scrape whose earlier one is not known, without what stands for a rate.

    As in Heapster, the CPU utilization of a node's first scrape is 0; of a late one it would overwrite the true one.
    """
    return tuple(_without(each, _CPU_UTILIZATION) if each.type == NODE else each for each in sets)


def _without(metric_set: MetricSet, metric: str) -> MetricSet:
    return metric_set._replace(values={name: value for name, value in metric_set.values.items() if name != metric})


def _add(node: Entity, share: _Share, scrape: NodeScrape, problems: Problems) -> None:
    amounts = {"capacity": scrape.capacity, "allocatable": scrape.allocatable}
    for amount, quantities in amounts.items():
        number = read_quantity(quantities.get(share.resource, "0"), share.convert, problems)
        if number is not None:
            node.values[f"{share.prefix}/node_{amount}"] = float(number)
    allocatable = node.values.get(f"{share.prefix}/node_allocatable")
    if allocatable:
        node.values[f"{share.prefix}/node_utilization"] = node.values.get(share.used, 0) / allocatable
        node.values[f"{share.prefix}/node_reservation"] = node.values.get(share.requested, 0) / allocatable
