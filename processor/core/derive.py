"""Derive: one scrape of one node to its metric sets and its contributions to namespaces, workloads and the cluster.

Deterministic: the result depends only on the scrape, the node's previous sample and the label rules.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from processor.core.aggregate import sum_containers, sum_pods
from processor.core.decode import decode
from processor.core.disks import add_cadvisor
from processor.core.enrich import enrich_namespaces, enrich_pods
from processor.core.entity import Entities, Entity, of_type
from processor.core.group_contributions import add_workload_labels, contributions, pods_counted_here
from processor.core.labels import LabelRules
from processor.core.problems import Problem, Problems
from processor.core.rates import rates
from processor.core.ratios import add_ratios
from processor.core.sample import sample
from processor.core.scrape_metrics import add_scrape_metrics
from processor.core.utilization import enrich_node
from schemas.catalogue import MAX_INT, POD
from schemas.keys import node_key
from schemas.metric_batch import MetricSet
from schemas.node_sample import Contribution, DiskKey, EntitySample, NodeSample
from schemas.node_scrape import NodeScrape


@dataclass(frozen=True, slots=True)
class NodeResult:
    """The result of one scrape of one node."""

    sets: tuple[MetricSet, ...]  # of the node, its system containers, its pods and their containers
    entities: Mapping[str, EntitySample]  # counters from which the next scrape's rates are computed, by entity key
    contributions: tuple[Contribution, ...]  # to each pod's namespace and workload, and to the cluster
    problems: Mapping[str, int]  # occurrences, by `problems.Problem`
    disks: Mapping[DiskKey, EntitySample] = field(default_factory=dict)  # as `entities`, for each entity's disks


def derive(scrape: NodeScrape, previous: NodeSample | None, rules: LabelRules, *, extended: bool = False) -> NodeResult:
    """Process a scrape, in the order of Heapster's processors (docs/processing.md).

    `previous` is the node's newest earlier sample; without it there are no rates. `extended` adds metrics that
    Heapster lacks (docs/metrics.md, beyond Heapster).

    Raises:
        UndecodableError: the document is not a JSON object.
        ValueError: the scrape failed and has no document.
    """
    problems: Problems = Counter()
    entities = decode(scrape, problems, extended=extended)
    samples = _samples(entities.values())
    _add_rates(entities, samples, {} if previous is None else previous.entities, problems)
    disks = add_cadvisor(entities, scrape, {} if previous is None else previous.disks, problems)
    enrich_pods(entities, scrape.pods, rules, problems)
    enrich_namespaces(entities, scrape.namespaces)
    if extended:
        add_workload_labels(entities, scrape.pods)
    sum_containers(entities, problems)
    node, pods = entities[node_key(scrape.node)], pods_counted_here(scrape, of_type(entities, POD), problems)
    sum_pods(node, pods, problems)
    contributed = contributions(scrape, pods, problems, workloads=extended)
    enrich_node(node, scrape, rules, problems)
    if extended:
        add_ratios(entities, node)
        add_scrape_metrics(node, scrape, entities.values())
    sets = tuple(entity.metric_set() for entity in entities.values())
    return NodeResult(sets, samples, contributed, problems, disks)


def _samples(entities: Iterable[Entity]) -> dict[str, EntitySample]:
    samples = (sample(entity) for entity in entities)
    return {each.key: each for each in samples if each is not None}


def _add_rates(
    entities: Entities,
    samples: Mapping[str, EntitySample],
    previous: Mapping[str, EntitySample],
    problems: Problems,
) -> None:
    for key, current in samples.items():
        if key not in previous:
            continue
        found = rates(previous[key], current)
        if found.resets:
            problems[Problem.COUNTER_RESET] += len(found.resets)
        values = entities[key].values
        for name, value in found.values.items():
            if value <= MAX_INT:
                values[name] = value
            else:
                problems[Problem.PAST_64_BITS] += 1
