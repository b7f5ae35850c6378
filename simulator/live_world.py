"""The generated cluster as a world to serve: time goes by, and its changes go out."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from simulator.cluster import Cluster
from simulator.lives import PodState
from simulator.node_objects import node_object
from simulator.nodes import NodeState
from simulator.objects import KubernetesObject, Resource
from simulator.store import Store

_NS_PER_S: Final = 1_000_000_000
_VERSIONS_PER_S: Final = 1000
_State = TypeVar("_State")


class LiveWorld:
    """A cluster that lives as long as somebody advances it."""

    def __init__(self, cluster: Cluster, now_ns: int) -> None:
        """As it is now. Versions begin with the time, so that one started later never gives out an earlier one."""
        self._cluster = cluster
        self._api = Store(first_version=now_ns // _NS_PER_S * _VERSIONS_PER_S)
        self._node_states: Mapping[str, NodeState] = {}
        self._pod_states: Mapping[str, PodState] = {}
        self._api.replace("namespaces", cluster.namespaces())
        self._api.put("pods", cluster.unschedulable())
        self.advance(now_ns)

    @property
    def api(self) -> Store:
        """The objects of the Kubernetes API."""
        return self._api

    def advance(self, now_ns: int) -> None:
        """Let the API objects become what they are at `now_ns`."""
        at_s = now_ns // _NS_PER_S
        nodes, pods = self._cluster.node_states(at_s), self._cluster.pod_states(at_s)
        self._show("nodes", self._node_states, nodes, node_object)
        self._show("pods", self._pod_states, pods, self._cluster.pod)
        self._node_states, self._pod_states = nodes, pods

    def summary(self, node: str, now_ns: int) -> bytes | None:
        """What the kubelet of that node answers; None for a node that is not of this cluster."""
        return self._cluster.summary(node, now_ns // _NS_PER_S) if node in self._cluster.nodes else None

    def cadvisor(self, node: str, now_ns: int) -> bytes | None:
        """Its metrics of cadvisor; None for a node that is not of this cluster."""
        return self._cluster.cadvisor(node, now_ns // _NS_PER_S) if node in self._cluster.nodes else None

    def _show(
        self,
        resource: Resource,
        before: Mapping[str, _State],
        now: Mapping[str, _State],
        render: Callable[[_State], KubernetesObject],
    ) -> None:
        for key in sorted(before.keys() - now.keys()):
            self._api.delete(resource, key)
        for key, state in now.items():
            if before.get(key) != state:
                self._api.put(resource, render(state))
