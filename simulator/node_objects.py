"""Nodes and namespaces of the simulated cluster as the Kubernetes API shows them."""

from collections.abc import Mapping
from typing import Final

from simulator import chance
from simulator.nodes import Node, NodeState
from simulator.objects import KubernetesObject, rfc3339
from simulator.population import NAMESPACES
from simulator.waves import ANCHOR_S

DISK_GIB: Final = 100
_VERSION: Final = "v1.31.0"
_SYSTEM_SHARE: Final = (80, 256 * 1024, 10)  # millicores, KiB of memory, GiB of disk that no pod gets


def namespace_objects(seed: int) -> list[KubernetesObject]:
    """All namespaces; they never change."""
    return [
        {
            "metadata": {
                "name": name,
                "uid": chance.uid(seed, "namespace", name),
                "creationTimestamp": rfc3339(ANCHOR_S),
                "labels": {"kubernetes.io/metadata.name": name, **labels},
            },
            "spec": {"finalizers": ["kubernetes"]},
            "status": {"phase": "Active"},
        }
        for name, labels in NAMESPACES.items()
    ]


def node_object(state: NodeState) -> KubernetesObject:
    """A node, its kubelet's address and port included."""
    node = state.node
    return {
        "metadata": {
            "name": node.name,
            "uid": chance.uid(*node.path),
            "creationTimestamp": rfc3339(ANCHOR_S),
            "labels": _node_labels(node),
        },
        "spec": {
            "podCIDR": pod_address(node.number, 0) + "/24",
            "providerID": f"simulated:///{node.name}",
            "externalID": f"i-{chance.hexadecimal(*node.path, 'machine')[:17]}",
        },
        "status": {
            "capacity": _capacity(node),
            "allocatable": _allocatable(node),
            "conditions": [_ready(state)],
            "addresses": [
                {"type": "InternalIP", "address": node.endpoint.address},
                {"type": "Hostname", "address": node.name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": node.endpoint.port}},
            "nodeInfo": _node_info(node),
        },
    }


def _node_labels(node: Node) -> Mapping[str, str]:
    return {
        "kubernetes.io/hostname": node.name,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": f"simulated-{node.cores}",
        "topology.kubernetes.io/zone": "abc"[node.number % 3],
        **({"accelerator": "nvidia-tesla-t4"} if node.has_accelerators else {}),
    }


def _node_info(node: Node) -> Mapping[str, str]:
    return {
        "architecture": "amd64",
        "bootID": chance.uid(*node.path, "boot"),
        "containerRuntimeVersion": "containerd://1.7.20",
        "kernelVersion": "6.1.0",
        "kubeProxyVersion": _VERSION,
        "kubeletVersion": _VERSION,
        "machineID": chance.hexadecimal(*node.path, "machine"),
        "operatingSystem": "linux",
        "osImage": "Debian GNU/Linux 12 (bookworm)",
        "systemUUID": chance.uid(*node.path, "system"),
    }


def _capacity(node: Node) -> Mapping[str, str]:
    return {
        "cpu": str(node.cores),
        "memory": f"{node.memory_kib}Ki",
        "ephemeral-storage": f"{DISK_GIB}Gi",
        "pods": str(max(110, node.pods)),
        **({"nvidia.com/gpu": "1", "example.com/fpga": "4"} if node.has_accelerators else {}),
    }


def _allocatable(node: Node) -> Mapping[str, str]:
    millicores, kib, gib = _SYSTEM_SHARE
    return {
        **_capacity(node),
        "cpu": f"{1000 * node.cores - millicores}m",
        "memory": f"{node.memory_kib - kib}Ki",
        "ephemeral-storage": str((DISK_GIB - gib) * 1024**3),
    }


def _ready(state: NodeState) -> KubernetesObject:
    return {
        "type": "Ready",
        "status": "True" if state.ready else "False",
        "reason": "KubeletReady" if state.ready else "KubeletNotReady",
        "message": "kubelet is posting ready status" if state.ready else "container runtime is down",
        "lastHeartbeatTime": rfc3339(state.heartbeat_s),
        "lastTransitionTime": rfc3339(ANCHOR_S if state.changed_s is None else state.changed_s),
    }


def pod_address(node: int, number: int) -> str:
    """Of the pod of that number on that node; 0 is the node's own network."""
    return f"10.{64 + node // 256}.{node % 256}.{number}"
