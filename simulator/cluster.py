"""The generated cluster: what its API and its kubelets say, a function of its shape, its seed and the time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from schemas.catalogue import METRICS, custom, extended_request
from simulator.cadvisor import cadvisor
from simulator.lives import PodLife, PodState, Slot, node_name
from simulator.node_objects import namespace_objects, node_object
from simulator.nodes import Node, NodeState
from simulator.objects import Endpoint, KubernetesObject
from simulator.pod_objects import pod_object, unschedulable_pod
from simulator.population import TRAINER
from simulator.summary import summary

FED_METRICS: Final[frozenset[str]] = frozenset(
    {metric.name for metric in METRICS}
    | {extended_request("nvidia.com/gpu"), extended_request("example.com/fpga")}
    | {custom(name) for container in TRAINER.containers for name in container.user_metrics}
)
"""Every metric that is derived once a cluster of any shape has been scraped a few times: the first pod feeds them.

With the source's option cadvisor=true, and the processor's --extended-metrics: without them less.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterSize:
    """How large the cluster is, and which one of that size."""

    nodes: int
    pods_per_node: int
    seed: int = 1
    unready_nodes: bool = False  # now and then a node is not ready, for a minute


class Cluster:
    """The cluster at any time; whole seconds since the epoch."""

    def __init__(self, shape: ClusterSize, endpoints: Sequence[Endpoint]) -> None:
        """With the kubelets at these endpoints, one for each node. Raises ValueError: not as many as nodes."""
        self.shape = shape
        self.nodes = {
            node.name: node
            for node in (
                Node(shape.seed, number, shape.pods_per_node, endpoint)
                for number, endpoint in zip(range(shape.nodes), endpoints, strict=True)
            )
        }
        self._slots = {
            name: [Slot(shape.seed, node.number, number) for number in range(shape.pods_per_node)]
            for name, node in self.nodes.items()
        }

    def namespaces(self) -> list[KubernetesObject]:
        """All namespaces; they never change."""
        return namespace_objects(self.shape.seed)

    def node_states(self, at_s: int) -> Mapping[str, NodeState]:
        """All nodes, by key."""
        return {name: node.state(at_s, may_be_unready=self.shape.unready_nodes) for name, node in self.nodes.items()}

    def pod_states(self, at_s: int) -> Mapping[str, PodState]:
        """All pods that are on nodes, by key."""
        return {life.key: life.state(at_s) for name in self.nodes for life in self._lives(name, at_s)}

    def pod(self, state: PodState) -> KubernetesObject:
        """The API object of a pod."""
        node = self.nodes[node_name(state.life.node)]
        return pod_object(state, node.endpoint, node.name)

    def objects(self, at_s: int) -> Mapping[str, list[KubernetesObject]]:
        """All API objects, by resource."""
        return {
            "namespaces": self.namespaces(),
            "nodes": [node_object(state) for state in self.node_states(at_s).values()],
            "pods": [self.unschedulable(), *(self.pod(state) for state in self.pod_states(at_s).values())],
        }

    def unschedulable(self) -> KubernetesObject:
        """A pod that is on no node and never will be."""
        return unschedulable_pod(self.shape.seed)

    def summary(self, node: str, at_s: int) -> bytes:
        """What the kubelet of a node answers. Raises KeyError: no such node."""
        return orjson.dumps(summary(self.nodes[node], self._lives(node, at_s), at_s))

    def cadvisor(self, node: str, at_s: int) -> bytes:
        """What it answers to `/metrics/cadvisor`. Raises KeyError: no such node."""
        return cadvisor(self.nodes[node], self._lives(node, at_s), at_s)

    def _lives(self, node: str, at_s: int) -> list[PodLife]:
        return [slot.life(at_s) for slot in self._slots[node]]
