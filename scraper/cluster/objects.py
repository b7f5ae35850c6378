"""What the scraper keeps of the Kubernetes API's objects. Source: docs/labels.md, also a node's address."""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from sys import intern
from typing import Any, Final, TypeAlias, TypeVar

from schemas.node_scrape import ApiContainer, ApiPod

Json: TypeAlias = Mapping[str, Any]
"""An object as the API sends it."""

MOST_SHARED: Final = 100_000
_Shared = TypeVar("_Shared")

_IP_TYPES: Final = frozenset({"InternalIP", "ExternalIP"})
ADDRESS_TYPES: Final = _IP_TYPES | {"Hostname", "InternalDNS", "ExternalDNS"}

_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})")
_OVER: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """A node of the cluster, and how its kubelet is reached."""

    name: str
    uid: str
    ready: bool
    hostname: str
    address: str | None  # None: no valid one
    kubelet_port: int | None  # status.daemonEndpoints
    host_id: str
    unschedulable: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    capacity: Mapping[str, str] = field(default_factory=dict)
    allocatable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterNamespace:
    """A namespace of the cluster."""

    name: str
    uid: str
    labels: Mapping[str, str]


def node_of(item: Json, host_id_annotation: str, address_types: Sequence[str] = ()) -> ClusterNode:
    """From a Node object; its address is the first of these types that there is, by default Heapster's choice."""
    metadata, spec, status = _part(item, "metadata"), _part(item, "spec"), _part(item, "status")
    addresses = [each for each in status.get("addresses") or [] if isinstance(each, Mapping)]
    annotations = _part(metadata, "annotations")
    endpoint = _part(_part(status, "daemonEndpoints"), "kubeletEndpoint").get("Port")
    name = str(metadata.get("name", ""))
    return ClusterNode(
        name=name,
        uid=str(metadata.get("uid", "")),
        ready=_is_ready(status),
        hostname=_hostname(addresses) or name,
        address=_preferred(addresses, address_types) if address_types else _address(addresses),
        kubelet_port=endpoint if isinstance(endpoint, int) and endpoint else None,
        host_id=str(spec.get("externalID") or annotations.get(host_id_annotation, "") or ""),
        unschedulable=bool(spec.get("unschedulable")),
        labels=_texts(metadata.get("labels")),
        capacity=_texts(status.get("capacity")),
        allocatable=_texts(status.get("allocatable")),
    )


class PodReader:
    """From Pod objects, so that equal parts of pods are one in memory: those of a workload hardly differ."""

    def __init__(self) -> None:
        """Nothing shared yet."""
        self._shared: dict[Hashable, Any] = {}

    def __call__(self, item: Json) -> ApiPod:
        """What is kept of one pod."""
        metadata, spec, status = _part(item, "metadata"), _part(item, "spec"), _part(item, "status")
        owner: Json = next((each for each in metadata.get("ownerReferences") or [] if each.get("controller")), {})
        return ApiPod(
            namespace=intern(str(metadata.get("namespace", ""))),
            name=str(metadata.get("name", "")),
            uid=str(metadata.get("uid", "")),
            node=intern(str(spec.get("nodeName") or "")),
            phase=intern(str(status.get("phase") or "")),
            start_time_ns=_time_ns(status.get("startTime")),
            owner_kind=intern(str(owner.get("kind", ""))),
            owner_name=intern(str(owner.get("name", ""))),
            labels=self._labels(_texts(metadata.get("labels"))),
            restarts=self._restarts(status.get("containerStatuses") or []),
            containers=self._containers(spec.get("containers") or []),
        )

    def _containers(self, items: Sequence[Json]) -> tuple[ApiContainer, ...]:
        found = tuple(_container(item) for item in items)
        return self._shared_by(("containers", *map(_identity, found)), found)

    def _labels(self, found: dict[str, str]) -> dict[str, str]:
        return self._shared_by(("labels", *found.items()), found)

    def _restarts(self, statuses: Sequence[Json]) -> dict[str, int]:
        found = {intern(str(each.get("name", ""))): int(each.get("restartCount") or 0) for each in statuses}
        return self._shared_by(("restarts", *found.items()), found)

    def _shared_by(self, key: Hashable, found: _Shared) -> _Shared:
        """The one that is equal, if there has been one; what is no longer used anywhere goes in the end."""
        if len(self._shared) >= MOST_SHARED:
            self._shared.clear()
        shared: _Shared = self._shared.setdefault(key, found)
        return shared


def pod_of(item: Json) -> ApiPod:
    """From one Pod object."""
    return PodReader()(item)


def namespace_of(item: Json) -> ClusterNamespace:
    """From a Namespace object."""
    metadata = _part(item, "metadata")
    return ClusterNamespace(str(metadata.get("name", "")), str(metadata.get("uid", "")), _texts(metadata.get("labels")))


def runs(pod: ApiPod) -> bool:
    """Whether a pod is on a node and not over."""
    return bool(pod.node) and pod.phase not in _OVER


def _container(item: Json) -> ApiContainer:
    resources = _part(item, "resources")
    return ApiContainer(
        name=str(item.get("name", "")),
        image=str(item.get("image") or ""),
        requests=_texts(resources.get("requests")),
        limits=_texts(resources.get("limits")),
    )


def _identity(container: ApiContainer) -> Hashable:
    resources = (container.requests, container.limits)
    return container.name, container.image, *(tuple(each.items()) for each in resources)


def _is_ready(status: Json) -> bool:
    """No Ready condition counts as ready."""
    conditions = status.get("conditions") or []
    return all(each.get("status") == "True" for each in conditions if each.get("type") == "Ready")


def _hostname(addresses: list[Json]) -> str:
    names = [str(each.get("address") or "") for each in addresses if each.get("type") == "Hostname"]
    return next((name for name in reversed(names) if name), "")


def _address(addresses: list[Json]) -> str | None:
    """The last InternalIP that is an IP address, else the first ExternalIP if that is one."""
    taken = ""
    for each in addresses:
        text = str(each.get("address") or "")
        if (each.get("type") == "InternalIP" and _is_ip(text)) or (each.get("type") == "ExternalIP" and not taken):
            taken = text
    return taken if _is_ip(taken) else None


def _preferred(addresses: list[Json], types: Sequence[str]) -> str | None:
    """The first address of the first type that there is one of."""
    for wanted in types:
        for each in addresses:
            text = str(each.get("address") or "")
            if each.get("type") == wanted and (_is_ip(text) if wanted in _IP_TYPES else _HOST_NAME.fullmatch(text)):
                return text
    return None


def _is_ip(text: str) -> bool:
    if "%" in text:  # a zone, which Go takes for no IP address
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _part(item: Json, name: str) -> Json:
    found = item.get(name)
    return found if isinstance(found, Mapping) else {}


def _texts(found: object) -> dict[str, str]:
    return {intern(str(key)): intern(str(value)) for key, value in found.items()} if isinstance(found, Mapping) else {}


def _time_ns(text: object) -> int | None:
    """The API's times are RFC 3339 in whole seconds."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000
    except ValueError:
        return None
