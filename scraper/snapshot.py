"""The cluster at one moment: what there is to scrape, and what goes into the record of each node about it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Self

from schemas.node_scrape import ApiNamespace, ApiPod, ApiWorkload
from schemas.workload import workload_of
from scraper.objects import ClusterNamespace, ClusterNode
from scraper.pod_index import PodIndex, PodName


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
        found = {(pod.namespace, pod.name): pod for pod in self.pods.of_node.get(node, ())}
        found.update((name, self.pods.by_name[name]) for name in listed if name in self.pods.by_name)
        return tuple(found[name] for name in sorted(found))

    def namespaces_for(self, node: str, listed: Collection[PodName]) -> tuple[ApiNamespace, ...]:
        """The namespaces of those pods, each with the number of nodes that run pods of it.

        This node is one of them if its kubelet lists a pod that the API does not have on another one.
        """
        here = {namespace for namespace, name in listed if not self.pods.is_elsewhere(node, (namespace, name))}
        names = {pod.namespace for pod in self.pods.of_node.get(node, ())} | {namespace for namespace, _ in listed}
        return tuple(
            ApiNamespace(
                name=name,
                uid=self.namespaces[name].uid,
                nodes=len({*self.pods.nodes_of_namespace.get(name, ()), *({node} if name in here else ())}),
                labels=self.namespaces[name].labels,
            )
            for name in sorted(names & self.namespaces.keys())
        )

    def workloads_for(self, node: str, listed: Collection[PodName]) -> tuple[ApiWorkload, ...]:
        """What those pods belong to, with the number of nodes that run pods of each; this one counts as there."""
        found = {(pod.namespace, pod.name): workload_of(pod) for pod in self.pods_for(node, listed)}
        here = {found.get(name) for name in listed if not self.pods.is_elsewhere(node, name)}
        return tuple(
            ApiWorkload(
                namespace=workload.namespace,
                kind=workload.kind,
                name=workload.name,
                nodes=len({*self.pods.nodes_of_workload.get(workload, ()), *({node} if workload in here else ())}),
            )
            for workload in sorted({each for each in found.values() if each is not None})
        )


def unfit(node: ClusterNode) -> str | None:
    """Why a node is not scraped (docs/labels.md, a node's address); None if it is."""
    if not node.ready:
        return f"node {node.name} is not ready"
    if node.address is None:
        return f"node {node.name} has no valid hostname and/or IP address"
    return None
