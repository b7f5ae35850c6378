"""Which fields of the API's objects are read: what else is in them, and that is most of it, is not even built.

Whatever `scraper.objects` looks at must be named here. A field that is `Any` may hold anything; an object of which
another part is not as Kubernetes has it, as a list in place of a map, is read whole.
"""

from collections.abc import Mapping
from typing import Any, Final, Generic, TypedDict, TypeVar

import msgspec
import orjson

from scraper.cluster.objects import Json


class Metadata(TypedDict, total=False):
    """Of every object."""

    name: Any
    namespace: Any
    uid: Any
    resourceVersion: Any
    labels: Any
    annotations: Any
    ownerReferences: Any


class PodMetadata(TypedDict, total=False):
    """The same without annotations, which may be large."""

    name: Any
    namespace: Any
    uid: Any
    resourceVersion: Any
    labels: Any
    ownerReferences: Any


class Container(TypedDict, total=False):
    """Of a pod's spec."""

    name: Any
    image: Any
    resources: Any


class ContainerStatus(TypedDict, total=False):
    """Of a pod's status."""

    name: Any
    restartCount: Any


class PodSpec(TypedDict, total=False):
    """Where a pod is and what runs in it."""

    nodeName: Any
    containers: list[Container] | None


class PodStatus(TypedDict, total=False):
    """How a pod fares."""

    phase: Any
    startTime: Any
    containerStatuses: list[ContainerStatus] | None


class NodeSpec(TypedDict, total=False):
    """What was decided about a node."""

    externalID: Any
    unschedulable: Any


class NodeInfo(TypedDict, total=False):
    """What a node runs."""

    kubeletVersion: Any


class NodeStatus(TypedDict, total=False):
    """How a node fares."""

    addresses: Any
    daemonEndpoints: Any
    conditions: Any
    capacity: Any
    allocatable: Any
    nodeInfo: NodeInfo | None


class PodObject(TypedDict, total=False):
    """A pod, or the Status in a watch's error."""

    metadata: PodMetadata | None
    spec: PodSpec | None
    status: PodStatus | str | None
    code: Any
    message: Any


class NodeObject(TypedDict, total=False):
    """A node, or the Status in a watch's error."""

    metadata: Metadata | None
    spec: NodeSpec | None
    status: NodeStatus | str | None
    code: Any
    message: Any


class NamespaceObject(TypedDict, total=False):
    """A namespace, or the Status in a watch's error."""

    metadata: Metadata | None
    code: Any
    message: Any


_Object = TypeVar("_Object")


class Page(TypedDict, Generic[_Object], total=False):
    """A piece of a list."""

    metadata: Any
    items: list[_Object] | None


class Event(TypedDict, Generic[_Object], total=False):
    """What a watch tells."""

    type: Any
    object: _Object | None


class WireType:
    """Reads pages and events of one resource."""

    def __init__(self, page: msgspec.json.Decoder[Any], event: msgspec.json.Decoder[Any]) -> None:
        """With these decoders."""
        self._page = page
        self._event = event

    def page(self, body: bytes) -> Json:
        """A piece of a list. Raises ValueError: not JSON, or no object."""
        return _decoded(self._page, body)

    def event(self, line: bytes) -> Json:
        """What a watch tells. Raises ValueError: not JSON, or no object."""
        return _decoded(self._event, line)


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Json:
    try:
        found: Any = decoder.decode(body)
    except msgspec.DecodeError:  # of an odd shape, or no JSON, which the other one says better
        found = orjson.loads(body)
    if not isinstance(found, dict):
        raise ValueError("no JSON object")  # noqa: TRY004 - to the caller all that is unreadable is the same
    return found


WIRE_TYPES: Final[Mapping[str, WireType]] = {
    "nodes": WireType(msgspec.json.Decoder(Page[NodeObject]), msgspec.json.Decoder(Event[NodeObject])),
    "pods": WireType(msgspec.json.Decoder(Page[PodObject]), msgspec.json.Decoder(Event[PodObject])),
    "namespaces": WireType(msgspec.json.Decoder(Page[NamespaceObject]), msgspec.json.Decoder(Event[NamespaceObject])),
}
"""By resource."""
