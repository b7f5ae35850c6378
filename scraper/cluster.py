"""The cluster as the API shows it: what there is to scrape, and what goes into each record about it."""

import logging
import threading
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Self

from kubernetes import client

from schemas.node_scrape import ApiNamespace, ApiPod
from scraper import telemetry
from scraper.objects import ClusterNamespace, ClusterNode, namespace_of, node_of, pod_of, runs
from scraper.watch import Watch

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The cluster at one moment, indexed for a round."""

    nodes: Mapping[str, ClusterNode]  # those to be scraped
    pods: Mapping[tuple[str, str], ApiPod]  # by namespace and name
    namespaces: Mapping[str, ClusterNamespace]
    pods_of_node: Mapping[str, tuple[ApiPod, ...]] = field(default_factory=dict)
    nodes_of_namespace: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        nodes: Mapping[str, ClusterNode],
        pods: Mapping[tuple[str, str], ApiPod],
        namespaces: Mapping[str, ClusterNamespace],
    ) -> Self:
        """With its indexes made."""
        pods_of_node: defaultdict[str, list[ApiPod]] = defaultdict(list)
        for pod in pods.values():
            if pod.node:
                pods_of_node[pod.node].append(pod)
        running = {(pod.namespace, pod.node) for pod in pods.values() if runs(pod) and pod.node in nodes}
        return cls(
            nodes,
            pods,
            namespaces,
            {node: tuple(found) for node, found in pods_of_node.items()},
            Counter(namespace for namespace, _ in running),
        )

    def pods_for(self, node: str, listed: Collection[tuple[str, str]]) -> tuple[ApiPod, ...]:
        """The pods on a node, and those that its kubelet lists all the same."""
        found = {(pod.namespace, pod.name): pod for pod in self.pods_of_node.get(node, ())}
        found.update((key, self.pods[key]) for key in listed if key in self.pods)
        return tuple(found[key] for key in sorted(found))

    def namespaces_for(self, pods: Collection[ApiPod], listed: Collection[tuple[str, str]]) -> tuple[ApiNamespace, ...]:
        """The namespaces of those pods, each with the number of nodes that run pods of it, at least this one."""
        names = {pod.namespace for pod in pods} | {namespace for namespace, _ in listed}
        return tuple(
            ApiNamespace(
                name=name,
                uid=self.namespaces[name].uid,
                nodes=max(1, self.nodes_of_namespace.get(name, 0)),
                labels=self.namespaces[name].labels,
            )
            for name in sorted(names)
            if name in self.namespaces
        )


class ClusterWatch:
    """Follows nodes, pods and namespaces."""

    def __init__(self, api: client.Configuration, host_id_annotation: str, stopped: threading.Event) -> None:
        """Not started yet."""
        self._nodes = Watch(api, "nodes", lambda item: _node_item(node_of(item, host_id_annotation)), stopped)
        self._pods = Watch(api, "pods", lambda item: _pod_item(pod_of(item)), stopped)
        self._namespaces = Watch(api, "namespaces", lambda item: _namespace_item(namespace_of(item)), stopped)
        self._complained: set[str] = set()

    def start(self) -> None:
        """Begin to follow."""
        for watch in (self._nodes, self._pods, self._namespaces):
            watch.start()

    @property
    def synced(self) -> bool:
        """Whether everything has been listed once: before that a round would be half blind."""
        return all(watch.synced.is_set() for watch in (self._nodes, self._pods, self._namespaces))

    def snapshot(self) -> Snapshot:
        """The cluster now; nodes that cannot be scraped are left out, and said so once."""
        nodes = self._nodes.items()
        pods = {(pod.namespace, pod.name): pod for pod in self._pods.items().values()}
        return Snapshot.of(self._scrapable(nodes), pods, self._namespaces.items())

    def _scrapable(self, nodes: Mapping[str, ClusterNode]) -> dict[str, ClusterNode]:
        unfit = {name: reason for name, node in nodes.items() if (reason := _unfit(node))}
        for name in unfit.keys() - self._complained:
            log.warning("node is not scraped", extra={"node": name, "reason": unfit[name]})
        for name in self._complained - unfit.keys():
            log.info("node is scraped again, or gone", extra={"node": name})
        self._complained = set(unfit)
        telemetry.skipped.set(len(unfit))
        return {name: node for name, node in nodes.items() if name not in unfit}


def _unfit(node: ClusterNode) -> str | None:
    if not node.ready:
        return f"node {node.name} is not ready"
    if node.address is None:
        return f"node {node.name} has no valid hostname and/or IP address"
    return None


def _node_item(node: ClusterNode) -> tuple[str, ClusterNode]:
    return node.name, node


def _namespace_item(namespace: ClusterNamespace) -> tuple[str, ClusterNamespace]:
    return namespace.name, namespace


def _pod_item(pod: ApiPod) -> tuple[str, ApiPod]:
    return f"{pod.namespace}/{pod.name}", pod
