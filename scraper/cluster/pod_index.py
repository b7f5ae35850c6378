"""Pods, indexed for a round: by name and by node, and on how many nodes namespaces and workloads run."""

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
    """Pods at one moment."""

    by_name: Mapping[PodName, ApiPod]
    of_node: Mapping[str, Collection[ApiPod]]
    nodes_of_namespace: Mapping[str, AbstractSet[str]]  # of those to be scraped, the ones that run pods of it
    nodes_of_workload: Mapping[Workload, AbstractSet[str]]  # the same

    @classmethod
    def of(cls, pods: Collection[ApiPod], scraped: Container[str]) -> Self:
        """With the names of the nodes that are to be scraped."""
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
        """Whether a pod is on another node than this one."""
        pod = self.by_name.get(name)
        return pod is not None and pod.node not in {"", node}
