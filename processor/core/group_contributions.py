"""Contributions: a scrape's share of the sums of namespaces, workloads and the cluster (docs/processing.md, 9, 11)."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from processor.core import labels
from processor.core.aggregate import group_sums
from processor.core.entity import Entities, Entity, of_type
from processor.core.problems import Problem, Problems
from schemas.catalogue import CLUSTER, GROUP_METRICS, POD, POD_CONTAINER
from schemas.metric_batch import namespace_group, workload_group
from schemas.node_sample import Contribution
from schemas.node_scrape import ApiPod, NodeScrape
from schemas.workload import Workload, workload_of


def contributions(
    scrape: NodeScrape, pods: Sequence[Entity], problems: Problems, *, workloads: bool = False
) -> tuple[Contribution, ...]:
    """One contribution for each namespace (and workload) with a pod here, and always one for the cluster."""
    return (
        *_of_namespaces(scrape, pods, problems),
        *(_of_workloads(scrape, pods, problems) if workloads else ()),
        _contribution(CLUSTER, pods, problems, nodes_expected=scrape.cluster_nodes),
    )


def pods_counted_here(scrape: NodeScrape, pods: Iterable[Entity], problems: Problems) -> list[Entity]:
    """The pods that are part of this node's sums and contributions.

    A pod that the API assigns to another node is counted there: while it moves, both kubelets may report it.
    """
    elsewhere = {(pod.namespace, pod.name) for pod in scrape.pods if pod.node not in {"", scrape.node}}
    counted: list[Entity] = []
    for pod in pods:
        if (pod.namespace, pod.pod) in elsewhere:
            problems[Problem.POD_OF_ANOTHER_NODE] += 1
        else:
            counted.append(pod)
    return counted


def add_workload_labels(entities: Entities, pods: Iterable[ApiPod]) -> None:
    """Add the workload, if any, to pods and their containers; a stored label of the same name is not overwritten."""
    workloads = _workloads(pods)
    for entity in [*of_type(entities, POD), *of_type(entities, POD_CONTAINER)]:
        workload = workloads.get((entity.namespace, entity.pod))
        if workload is not None:
            entity.labels.setdefault(labels.WORKLOAD, workload.name)
            entity.labels.setdefault(labels.WORKLOAD_KIND, workload.kind)


def _of_namespaces(scrape: NodeScrape, pods: Iterable[Entity], problems: Problems) -> list[Contribution]:
    known = {namespace.name: namespace for namespace in scrape.namespaces}
    by_namespace: defaultdict[str, list[Entity]] = defaultdict(list)
    for pod in pods:
        by_namespace[pod.namespace].append(pod)
    return [
        _contribution(
            namespace_group(name),
            namespace_pods,
            problems,
            nodes_expected=known[name].nodes if name in known else 1,
            namespace_id=known[name].uid if name in known else "",
        )
        for name, namespace_pods in by_namespace.items()
    ]


def _of_workloads(scrape: NodeScrape, pods: Iterable[Entity], problems: Problems) -> list[Contribution]:
    workloads = _workloads(scrape.pods)
    nodes = {Workload(each.namespace, each.kind, each.name): each.nodes for each in scrape.workloads}
    by_workload: defaultdict[Workload, list[Entity]] = defaultdict(list)
    for pod in pods:
        workload = workloads.get((pod.namespace, pod.pod))
        if workload is not None:
            by_workload[workload].append(pod)
    return [
        _contribution(workload_group(workload), workload_pods, problems, nodes_expected=nodes.get(workload, 1))
        for workload, workload_pods in by_workload.items()
    ]


def _workloads(pods: Iterable[ApiPod]) -> dict[tuple[str, str], Workload]:
    """The workload of each pod that has one, by namespace and name of the pod."""
    found = {(pod.namespace, pod.name): workload_of(pod) for pod in pods}
    return {pod: workload for pod, workload in found.items() if workload is not None}


def _contribution(
    group: str, pods: Iterable[Entity], problems: Problems, *, nodes_expected: int, namespace_id: str = ""
) -> Contribution:
    sums = group_sums(pods, problems)
    in_order = (sums.get(name) for name in GROUP_METRICS)
    return Contribution(
        group=group,
        sums=tuple(value if isinstance(value, int) else None for value in in_order),
        nodes_expected=nodes_expected,
        namespace_id=namespace_id,
    )
