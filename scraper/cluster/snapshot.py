"""The cluster at one moment: the nodes to scrape, and the API objects that go into the record of each node."""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from typing import Final, Self

from schemas.node_scrape import ApiNamespace, ApiPod, ApiWorkload
from schemas.workload import Workload, workload_of
from scraper.cluster.objects import ClusterNamespace, ClusterNode
from scraper.cluster.pod_index import PodIndex, PodName

_NONE: Final[AbstractSet[str]] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Nodes, pods and namespaces, indexed for a scrape round."""

    nodes: Mapping[str, ClusterNode]  # the nodes that can be scraped, by name
    skipped: Mapping[str, str]  # the other nodes: name and reason
    pods: PodIndex
    namespaces: Mapping[str, ClusterNamespace]

    @classmethod
    def of(
        cls, nodes: Collection[ClusterNode], pods: Collection[ApiPod], namespaces: Collection[ClusterNamespace]
    ) -> Self:
        """Build the indexes from API objects."""
        skipped = {node.name: reason for node in nodes if (reason := skip_reason(node))}
        scraped = {node.name: node for node in nodes if node.name not in skipped}
        known = {namespace.name: namespace for namespace in namespaces}
        return cls(nodes=scraped, skipped=skipped, pods=PodIndex.of(pods, scraped), namespaces=known)

    def with_pods(self, pods: Collection[ApiPod]) -> Self:
        """The same snapshot with these pods, for `podSource=kubelet`: the pods that one kubelet lists."""
        return replace(self, pods=PodIndex.of(pods, self.nodes))

    def pods_for(self, node: str, listed: Collection[PodName]) -> tuple[ApiPod, ...]:
        """Pods on a node according to the API, plus known pods that the node's kubelet lists."""
        found = self._pods_of(node, listed)
        return tuple(found[name] for name in sorted(found))

    def namespaces_for(self, node: str, listed: Collection[PodName]) -> tuple[ApiNamespace, ...]:
        """Namespaces of a node's pods, each with the number of nodes that run pods of it.

        The node itself counts if its kubelet lists a pod that the API does not assign to another node.
        """
        here = {name[0] for name in listed if not self.pods.is_elsewhere(node, name)}
        names = {pod.namespace for pod in self.pods.of_node.get(node, ())} | {namespace for namespace, _ in listed}
        return tuple(
            ApiNamespace(
                name=name,
                uid=self.namespaces[name].uid,
                nodes=_node_count(self.pods.nodes_of_namespace.get(name, _NONE), node if name in here else None),
                labels=self.namespaces[name].labels,
            )
            for name in sorted(names & self.namespaces.keys())
        )

    def workloads_for(self, node: str, listed: Collection[PodName]) -> tuple[ApiWorkload, ...]:
        """Workloads of a node's pods, each with the number of nodes that run pods of it, counted as for namespaces."""
        found: set[Workload] = set()
        here: set[Workload] = set()
        for name, pod in self._pods_of(node, listed).items():
            if workload := workload_of(pod):
                found.add(workload)
                if name in listed and not self.pods.is_elsewhere(node, name):
                    here.add(workload)
        return tuple(
            ApiWorkload(
                namespace=workload.namespace,
                kind=workload.kind,
                name=workload.name,
                nodes=_node_count(self.pods.nodes_of_workload.get(workload, _NONE), node if workload in here else None),
            )
            for workload in sorted(found)
        )

    def _pods_of(self, node: str, listed: Collection[PodName]) -> dict[PodName, ApiPod]:
        """The pods of `pods_for`, by name."""
        found = {(pod.namespace, pod.name): pod for pod in self.pods.of_node.get(node, ())}
        found.update((name, self.pods.by_name[name]) for name in listed if name in self.pods.by_name)
        return found


def _node_count(running: AbstractSet[str], another: str | None) -> int:
    """Number of nodes including `another`, without a copy of the set, which may hold every node of the cluster."""
    return len(running) + (another is not None and another not in running)


def skip_reason(node: ClusterNode) -> str | None:
    """Why a node is not scraped (docs/labels.md, a node's address); None if it can be scraped."""
    if not node.ready:
        return f"node {node.name} is not ready"
    if node.address is None:
        return f"node {node.name} has no valid hostname and/or IP address"
    return None
