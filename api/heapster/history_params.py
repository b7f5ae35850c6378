"""Subjects: the paths of the historical API that stand for one entity or several, and what InfluxDB knows them by."""

from typing import Annotated, Final

from fastapi import HTTPException, Path

from api.heapster.entities import Container, Namespace, Node, Pod
from api.heapster.influxql import InvalidNameError, Subject
from schemas.catalogue import CLUSTER, NAMESPACE, NODE, POD, POD_CONTAINER, SYS_CONTAINER, EntityType

PodId = Annotated[str, Path(description="UID of the pod")]
Pods = Annotated[str, Path(description="Names of pods, with commas")]
PodIds = Annotated[str, Path(description="UIDs of pods, with commas")]


def subject(type_: EntityType, shown: str, **tags: str) -> Subject:
    """Raises HTTPException 500, as Heapster did: a name has characters that none has."""
    try:
        return Subject(type_, tags, f"({type_}){shown}")
    except InvalidNameError as error:
        raise HTTPException(500, str(error)) from error


async def the_cluster() -> Subject:
    """The whole cluster."""
    return subject(CLUSTER, "")


async def a_node(node: Node) -> Subject:
    """A node."""
    return subject(NODE, f"node:{node}", nodename=node)


async def a_system_container(node: Node, container: Container) -> Subject:
    """A system container of a node."""
    return subject(SYS_CONTAINER, f"node:{node}/container:{container}", nodename=node, container_name=container)


async def a_namespace(namespace: Namespace) -> Subject:
    """A namespace."""
    return subject(NAMESPACE, f"ns:{namespace}", namespace_name=namespace)


async def a_pod(namespace: Namespace, pod: Pod) -> Subject:
    """A pod."""
    return subject(POD, f"ns:{namespace}/pod:{pod}", namespace_name=namespace, pod_name=pod)


async def a_container(namespace: Namespace, pod: Pod, container: Container) -> Subject:
    """A container of a pod."""
    shown = f"ns:{namespace}/pod:{pod}/container:{container}"
    return subject(POD_CONTAINER, shown, namespace_name=namespace, pod_name=pod, container_name=container)


async def a_pod_by_id(pod_id: PodId) -> Subject:
    """A pod, by its UID: where the sink writes the tags of Heapster 1.3."""
    return subject(POD, f"poduid:{pod_id}", pod_id=pod_id)


async def a_container_by_id(pod_id: PodId, container: Container) -> Subject:
    """A container of a pod, by the pod's UID."""
    return subject(POD_CONTAINER, f"poduid:{pod_id}/container:{container}", pod_id=pod_id, container_name=container)


async def some_pods(namespace: Namespace, pods: Pods) -> list[Subject]:
    """Several pods."""
    return [await a_pod(namespace, pod) for pod in pods.split(",")]


async def some_pods_by_id(pod_ids: PodIds) -> list[Subject]:
    """Several pods, by their UIDs."""
    return [await a_pod_by_id(pod_id) for pod_id in pod_ids.split(",")]


async def all_nodes() -> Subject:
    """The nodes."""
    return Subject(NODE, {}, "")


async def all_namespaces() -> Subject:
    """The namespaces."""
    return Subject(NAMESPACE, {}, "")


async def system_containers(node: Node) -> Subject:
    """A node's system containers."""
    return subject(SYS_CONTAINER, "", nodename=node)


async def pods_of_a_namespace(namespace: Namespace) -> Subject:
    """A namespace's pods."""
    return subject(POD, "", namespace_name=namespace)


async def containers_of_a_pod(namespace: Namespace, pod: Pod) -> Subject:
    """A pod's containers."""
    return subject(POD_CONTAINER, "", namespace_name=namespace, pod_name=pod)


SINGLE: Final = (
    ("", the_cluster),
    ("/nodes/{node}", a_node),
    ("/nodes/{node}/freecontainers/{container}", a_system_container),
    ("/namespaces/{namespace}", a_namespace),
    ("/namespaces/{namespace}/pods/{pod}", a_pod),
    ("/namespaces/{namespace}/pods/{pod}/containers/{container}", a_container),
    ("/pod-id/{pod_id}", a_pod_by_id),
    ("/pod-id/{pod_id}/containers/{container}", a_container_by_id),
)
SEVERAL: Final = (
    ("/namespaces/{namespace}/pod-list/{pods}", some_pods),
    ("/pod-id-list/{pod_ids}", some_pods_by_id),
)
LISTS: Final = (  # path, the tag that names them, which they are
    ("/nodes", "nodename", all_nodes),
    ("/nodes/{node}/freecontainers", "container_name", system_containers),
    ("/namespaces", "namespace_name", all_namespaces),
    ("/namespaces/{namespace}/pods", "pod_name", pods_of_a_namespace),
    ("/namespaces/{namespace}/pods/{pod}/containers", "container_name", containers_of_a_pod),
)
