"""The cluster at one moment: what there is to scrape, and what goes into the record of each node about it."""

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
    """Nodes, pods and namespaces, indexed for a round."""

    nodes: Mapping[str, ClusterNode]  # those that can be scraped
    unfit: Mapping[str, str]  # why the others cannot, by name
    pods: PodIndex
    namespaces: Mapping[str, ClusterNamespace]

    @classmethod
    def of(
        cls, nodes: Collection[ClusterNode], pods: Collection[ApiPod], namespaces: Collection[ClusterNamespace]
    ) -> Self:
        """With its indexes made."""
        reasons = {node.name: reason for node in nodes if (reason := unfit(node))}
        fit = {node.name: node for node in nodes if node.name not in reasons}
        known = {namespace.name: namespace for namespace in namespaces}
        return cls(nodes=fit, unfit=reasons, pods=PodIndex.of(pods, fit), namespaces=known)

    def seeing(self, pods: Collection[ApiPod]) -> Self:
        """The same with other pods: those that a kubelet lists, where the API is not asked for any."""
        return replace(self, pods=PodIndex.of(pods, self.nodes))

    def pods_for(self, node: str, listed: Collection[PodName]) -> tuple[ApiPod, ...]:
        """The pods that the API has on a node, and those that its kubelet lists all the same."""
        found = self._pods_of(node, listed)
        return tuple(found[name] for name in sorted(found))

    def namespaces_for(self, node: str, listed: Collection[PodName]) -> tuple[ApiNamespace, ...]:
        """The namespaces of those pods, each with the number of nodes that run pods of it.

        This node is one of them if its kubelet lists a pod that the API does not have on another one.
        """
        here = {name[0] for name in listed if not self.pods.is_elsewhere(node, name)}
        names = {pod.namespace for pod in self.pods.of_node.get(node, ())} | {namespace for namespace, _ in listed}
        return tuple(
            ApiNamespace(
                name=name,
                uid=self.namespaces[name].uid,
                nodes=_number(self.pods.nodes_of_namespace.get(name, _NONE), node if name in here else None),
                labels=self.namespaces[name].labels,
            )
            for name in sorted(names & self.namespaces.keys())
        )

    def workloads_for(self, node: str, listed: Collection[PodName]) -> tuple[ApiWorkload, ...]:
        """What those pods belong to, with the number of nodes that run pods of each; this one counts as there."""
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
                nodes=_number(self.pods.nodes_of_workload.get(workload, _NONE), node if workload in here else None),
            )
            for workload in sorted(found)
        )

    def _pods_of(self, node: str, listed: Collection[PodName]) -> dict[PodName, ApiPod]:
        """Those of `pods_for` by name."""
        found = {(pod.namespace, pod.name): pod for pod in self.pods.of_node.get(node, ())}
        found.update((name, self.pods.by_name[name]) for name in listed if name in self.pods.by_name)
        return found


def _number(running: AbstractSet[str], another: str | None) -> int:
    """How many nodes there are with this one. They may be all of the cluster's: nothing is done for each of them."""
    return len(running) + (another is not None and another not in running)


def unfit(node: ClusterNode) -> str | None:
    """Why a node is not scraped (docs/labels.md, a node's address); None if it is."""
    if not node.ready:
        return f"node {node.name} is not ready"
    if node.address is None:
        return f"node {node.name} has no valid hostname and/or IP address"
    return None
