"""Indexes of the pods of a snapshot: by name, by node, and the nodes of each namespace and workload."""

from collections import defaultdict
from collections.abc import Collection, Container, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Self, TypeAlias

from schemas.node_scrape import ApiPod
from schemas.workload import Workload, workload_of
from scraper.cluster.objects import runs

PodName: TypeAlias = tuple[str, str]
"""Namespace and name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PodIndex:
    """All pods at one moment."""

    by_name: Mapping[PodName, ApiPod]
    of_node: Mapping[str, Collection[ApiPod]]
    nodes_of_namespace: Mapping[str, AbstractSet[str]]  # scraped nodes that run pods of the namespace
    nodes_of_workload: Mapping[Workload, AbstractSet[str]]  # scraped nodes that run pods of the workload

    @classmethod
    def of(cls, pods: Collection[ApiPod], scraped: Container[str]) -> Self:
        """Index the pods; `scraped` are the names of the nodes that can be scraped."""
        of_node: defaultdict[str, list[ApiPod]] = defaultdict(list)
        nodes_of_namespace: defaultdict[str, set[str]] = defaultdict(set)
        nodes_of_workload: defaultdict[Workload, set[str]] = defaultdict(set)
        for pod in pods:
            if pod.node:
                of_node[pod.node].append(pod)
            if runs(pod) and pod.node in scraped:
                nodes_of_namespace[pod.namespace].add(pod.node)
                if workload := workload_of(pod):
                    nodes_of_workload[workload].add(pod.node)
        return cls(
            by_name={(pod.namespace, pod.name): pod for pod in pods},
            of_node=of_node,
            nodes_of_namespace=nodes_of_namespace,
            nodes_of_workload=nodes_of_workload,
        )

    def is_elsewhere(self, node: str, name: PodName) -> bool:
        """Whether the API assigns the pod to another node."""
        pod = self.by_name.get(name)
        return pod is not None and pod.node not in {"", node}
