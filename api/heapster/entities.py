"""Entities: the paths of the model API that stand for one, and their keys."""

from typing import Annotated, Final

from fastapi import Path

from schemas.catalogue import CLUSTER
from schemas.keys import node_key, pod_container_key, pod_key, sys_container_key
from schemas.metric_batch import namespace_group

Node = Annotated[str, Path(description="Name of the node")]
Namespace = Annotated[str, Path(description="Name of the namespace")]
Pod = Annotated[str, Path(description="Name of the pod")]
Container = Annotated[str, Path(description="Name of the container")]


async def the_cluster() -> str:
    """All of it."""
    return CLUSTER


async def a_node(node: Node) -> str:
    """A node."""
    return node_key(node)


async def a_system_container(node: Node, container: Container) -> str:
    """A system container of a node."""
    return sys_container_key(node, container)


async def a_namespace(namespace: Namespace) -> str:
    """A namespace."""
    return namespace_group(namespace)


async def a_pod(namespace: Namespace, pod: Pod) -> str:
    """A pod."""
    return pod_key(namespace, pod)


async def a_container(namespace: Namespace, pod: Pod, container: Container) -> str:
    """A container of a pod."""
    return pod_container_key(namespace, pod, container)


ENTITIES: Final = (
    ("", the_cluster),
    ("/nodes/{node}", a_node),
    ("/nodes/{node}/freecontainers/{container}", a_system_container),
    ("/namespaces/{namespace}", a_namespace),
    ("/namespaces/{namespace}/pods/{pod}", a_pod),
    ("/namespaces/{namespace}/pods/{pod}/containers/{container}", a_container),
)
