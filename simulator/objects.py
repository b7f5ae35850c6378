"""The Kubernetes objects that are served: their kinds, their keys, and how times are written in them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, TypeAlias, get_args

KubernetesObject: TypeAlias = Mapping[str, object]
Resource: TypeAlias = Literal["nodes", "pods", "namespaces"]

RESOURCES: Final[tuple[Resource, ...]] = get_args(Resource)
KINDS: Final[Mapping[Resource, str]] = {"nodes": "Node", "pods": "Pod", "namespaces": "Namespace"}


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a kubelet listens."""

    address: str
    port: int


def metadata(item: KubernetesObject) -> KubernetesObject:
    """The `metadata` of an object. Raises ValueError: it has none."""
    found = item.get("metadata")
    if isinstance(found, Mapping):
        return found
    raise ValueError(f"a Kubernetes object without metadata: {str(item)[:80]}")


def key(item: KubernetesObject) -> str:
    """`namespace/name`, or the name alone where there is no namespace. Raises ValueError: no name."""
    named = metadata(item)
    name, namespace = named.get("name"), named.get("namespace")
    if not isinstance(name, str) or not name:
        raise ValueError(f"a Kubernetes object without a name: {str(item)[:80]}")
    return f"{namespace}/{name}" if namespace else name


@lru_cache(maxsize=1024)
def rfc3339(at_s: int) -> str:
    """A time in seconds since the epoch as Kubernetes writes it: UTC, one-second resolution."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
