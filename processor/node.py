"""Derive: one scrape of one node to its metric sets, and to what it adds to its namespaces and the cluster.

A function of the scrape, of the node's earlier one and of the label rules: the same again gives the same again.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from processor.aggregate import group_sums, sum_containers, sum_pods
from processor.decode import decode
from processor.disks import add_cadvisor
from processor.enrich import enrich_namespaces, enrich_pods
from processor.entity import Entities, Entity, node_key, of_type
from processor.labels import LabelRules
from processor.problems import Problem, Problems
from processor.rates import rates
from processor.sample import sample
from processor.utilization import enrich_node
from schemas.catalogue import CLUSTER, GROUP_METRICS, MAX_INT, POD
from schemas.metric_batch import MetricSet, namespace_group
from schemas.node_sample import Contribution, DiskKey, EntitySample, NodeSample
from schemas.node_scrape import NodeScrape


@dataclass(frozen=True, slots=True)
class NodeResult:
    """Everything that one scrape of one node leads to."""

    sets: tuple[MetricSet, ...]  # of the node, its system containers, its pods and their containers
    entities: Mapping[str, EntitySample]  # what the next scrape's rates begin from, by key
    contributions: tuple[Contribution, ...]  # to each pod's namespace, and to the cluster
    problems: Mapping[str, int]  # what was odd (`problems.Problem`), and how often
    disks: Mapping[DiskKey, EntitySample] = field(default_factory=dict)  # the same for each entity's disks


def derive(scrape: NodeScrape, previous: NodeSample | None, rules: LabelRules) -> NodeResult:
    """The result of a scrape, in the order of Heapster's processors (docs/processing.md).

    `previous` is the node's newest earlier scrape; without one there are no rates.

    Raises:
        UndecodableError: the document is not JSON, or no object.
        ValueError: the scrape failed, there is no document.
    """
    problems: Problems = Counter()
    entities = decode(scrape, problems)
    samples = _samples(entities.values())
    _add_rates(entities, samples, {} if previous is None else previous.entities, problems)
    disks = add_cadvisor(entities, scrape, {} if previous is None else previous.disks, problems)
    enrich_pods(entities, scrape.pods, rules, problems)
    enrich_namespaces(entities, scrape.namespaces)
    sum_containers(entities, problems)
    node, pods = entities[node_key(scrape.node)], of_type(entities, POD)
    sum_pods(node, pods, problems)
    contributions = _contributions(scrape, pods, problems)
    enrich_node(node, scrape, rules, problems)
    sets = tuple(entity.metric_set() for entity in entities.values())
    return NodeResult(sets, samples, contributions, problems, disks)


def _samples(entities: Iterable[Entity]) -> dict[str, EntitySample]:
    samples = (sample(entity) for entity in entities)
    return {each.key: each for each in samples if each is not None}


def _add_rates(
    entities: Entities,
    samples: Mapping[str, EntitySample],
    earlier: Mapping[str, EntitySample],
    problems: Problems,
) -> None:
    for key, current in samples.items():
        if key not in earlier:
            continue
        found = rates(earlier[key], current)
        problems.update({Problem.COUNTER_RESET: len(found.resets)} if found.resets else {})
        for name, value in found.values.items():
            if value <= MAX_INT:
                entities[key].values[name] = value
            else:
                problems[Problem.PAST_64_BITS] += 1


def _contributions(scrape: NodeScrape, pods: Iterable[Entity], problems: Problems) -> tuple[Contribution, ...]:
    """One for each namespace with a pod here, and one for the cluster, pods or not.

    A pod that the API has on another node counts there: it is on its way, and both kubelets may report it.
    """
    elsewhere = {(pod.namespace, pod.name) for pod in scrape.pods if pod.node not in {"", scrape.node}}
    known = {namespace.name: namespace for namespace in scrape.namespaces}
    by_namespace: defaultdict[str, list[Entity]] = defaultdict(list)
    for pod in pods:
        if (pod.namespace, pod.pod) in elsewhere:
            problems[Problem.POD_OF_ANOTHER_NODE] += 1
        else:
            by_namespace[pod.namespace].append(pod)
    contributions = [
        _contribution(
            namespace_group(name),
            own,
            problems,
            nodes_expected=known[name].nodes if name in known else 1,
            namespace_id=known[name].uid if name in known else "",
        )
        for name, own in by_namespace.items()
    ]
    everything = [pod for own in by_namespace.values() for pod in own]
    cluster = _contribution(CLUSTER, everything, problems, nodes_expected=scrape.cluster_nodes)
    return (*contributions, cluster)


def _contribution(
    group: str, pods: Iterable[Entity], problems: Problems, *, nodes_expected: int, namespace_id: str = ""
) -> Contribution:
    found = group_sums(pods, problems)
    sums = (found.get(name) for name in GROUP_METRICS)
    return Contribution(
        group=group,
        sums=tuple(value if isinstance(value, int) else None for value in sums),
        nodes_expected=nodes_expected,
        namespace_id=namespace_id,
    )
