"""The fields of API objects that are decoded; all other fields, most of an object, are skipped by the decoder.

Every field that `scraper.cluster.objects` reads must be named here. A field of type `Any` may hold anything. A response
in which another field has an unexpected type, such as a list instead of a map, is decoded completely.
"""

from collections.abc import Mapping
from typing import Any, Final, Generic, TypedDict, TypeVar

import msgspec
import orjson

from scraper.cluster.objects import Json


class Metadata(TypedDict, total=False):
    """The `metadata` of nodes and namespaces."""

    name: Any
    namespace: Any
    uid: Any
    resourceVersion: Any
    labels: Any
    annotations: Any
    ownerReferences: Any


class PodMetadata(TypedDict, total=False):
    """The `metadata` of a pod, without annotations, which may be large."""

    name: Any
    namespace: Any
    uid: Any
    resourceVersion: Any
    labels: Any
    ownerReferences: Any


class Container(TypedDict, total=False):
    """The `spec.containers` of a pod."""

    name: Any
    image: Any
    resources: Any


class ContainerStatus(TypedDict, total=False):
    """The `status.containerStatuses` of a pod."""

    name: Any
    restartCount: Any


class PodSpec(TypedDict, total=False):
    """The `spec` of a pod."""

    nodeName: Any
    containers: list[Container] | None


class PodStatus(TypedDict, total=False):
    """The `status` of a pod."""

    phase: Any
    startTime: Any
    containerStatuses: list[ContainerStatus] | None


class NodeSpec(TypedDict, total=False):
    """The `spec` of a node."""

    externalID: Any
    unschedulable: Any


class NodeInfo(TypedDict, total=False):
    """The `status.nodeInfo` of a node."""

    kubeletVersion: Any


class NodeStatus(TypedDict, total=False):
    """The `status` of a node."""

    addresses: Any
    daemonEndpoints: Any
    conditions: Any
    capacity: Any
    allocatable: Any
    nodeInfo: NodeInfo | None


class PodObject(TypedDict, total=False):
    """A pod, or the Status object of an ERROR event."""

    metadata: PodMetadata | None
    spec: PodSpec | None
    status: PodStatus | str | None
    code: Any
    message: Any


class NodeObject(TypedDict, total=False):
    """A node, or the Status object of an ERROR event."""

    metadata: Metadata | None
    spec: NodeSpec | None
    status: NodeStatus | str | None
    code: Any
    message: Any


class NamespaceObject(TypedDict, total=False):
    """A namespace, or the Status object of an ERROR event."""

    metadata: Metadata | None
    code: Any
    message: Any


_Object = TypeVar("_Object")


class Page(TypedDict, Generic[_Object], total=False):
    """One page of a list."""

    metadata: Any
    items: list[_Object] | None


class Event(TypedDict, Generic[_Object], total=False):
    """One event of a watch."""

    type: Any
    object: _Object | None


class WireType:
    """Decoder for list pages and watch events of one resource."""

    def __init__(self, page: msgspec.json.Decoder[Any], event: msgspec.json.Decoder[Any]) -> None:
        """Use these decoders."""
        self._page = page
        self._event = event

    def page(self, body: bytes) -> Json:
        """Decode a page of a list. Raises ValueError: not a JSON object."""
        return _decoded(self._page, body)

    def event(self, line: bytes) -> Json:
        """Decode a watch event. Raises ValueError: not a JSON object."""
        return _decoded(self._event, line)


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Json:
    try:
        found: Any = decoder.decode(body)
    except msgspec.DecodeError:  # an unexpected type, or not JSON: orjson has the better message
        found = orjson.loads(body)
    if not isinstance(found, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - one error for all invalid responses
    return found


WIRE_TYPES: Final[Mapping[str, WireType]] = {
    "nodes": WireType(msgspec.json.Decoder(Page[NodeObject]), msgspec.json.Decoder(Event[NodeObject])),
    "pods": WireType(msgspec.json.Decoder(Page[PodObject]), msgspec.json.Decoder(Event[PodObject])),
    "namespaces": WireType(msgspec.json.Decoder(Page[NamespaceObject]), msgspec.json.Decoder(Event[NamespaceObject])),
}
"""Decoders by resource."""
