"""Keys of metric sets, in Heapster's format; names are not escaped (docs/labels.md)."""

from typing import Final

from schemas.metric_batch import namespace_group

_NODE: Final = "node:"
_NAMESPACE: Final = namespace_group("")
_POD: Final = "/pod:"
_CONTAINER: Final = "/container:"


def node_key(node: str) -> str:
    """Key of a node's metric set."""
    return _NODE + node


def sys_container_key(node: str, container: str) -> str:
    """Key of a system container's metric set."""
    return node_key(node) + _CONTAINER + container


def pod_key(namespace: str, pod: str) -> str:
    """Key of a pod's metric set."""
    return namespace_group(namespace) + _POD + pod


def pod_container_key(namespace: str, pod: str, container: str) -> str:
    """Key of a pod container's metric set."""
    return pod_key(namespace, pod) + _CONTAINER + container


def name_of(key: str) -> str:
    """The entity's own name: of the node, namespace, pod or container."""
    for part in (_CONTAINER, _POD):
        _, found, name = key.partition(part)
        if found:
            return name
    return key.partition(":")[2]


def namespace_of(key: str) -> str | None:
    """The namespace's name, None if the key is not of a namespace."""
    return key.removeprefix(_NAMESPACE) if key.startswith(_NAMESPACE) and "/" not in key else None


def pod_name(key: str) -> tuple[str, str]:
    """Namespace and name of the pod with this key."""
    namespace, _, name = key.removeprefix(_NAMESPACE).partition(_POD)
    return namespace, name


def pod_of(key: str) -> str:
    """Key of the pod of the container with this key."""
    return key.partition(_CONTAINER)[0]
