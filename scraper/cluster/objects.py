"""Conversion of Kubernetes API objects to the fields that the scraper keeps. Source: docs/labels.md."""

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from ipaddress import ip_address
from sys import intern
from typing import Any, Final, TypeAlias, TypeVar

from schemas.node_scrape import ApiContainer, ApiPod

Json: TypeAlias = Mapping[str, Any]
"""A decoded API object."""

MAX_SHARED: Final = 100_000
_Shared = TypeVar("_Shared")

_IP_TYPES: Final = frozenset({"InternalIP", "ExternalIP"})
ADDRESS_TYPES: Final = _IP_TYPES | {"Hostname", "InternalDNS", "ExternalDNS"}
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})")
_FINISHED: Final = frozenset({"Succeeded", "Failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterNode:
    """A node and the address of its kubelet."""

    name: str
    uid: str
    ready: bool
    hostname: str
    address: str | None  # None: no valid address
    kubelet_port: int | None  # from status.daemonEndpoints
    host_id: str
    unschedulable: bool
    labels: Mapping[str, str] = field(default_factory=dict)
    capacity: Mapping[str, str] = field(default_factory=dict)
    allocatable: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClusterNamespace:
    """A namespace and its labels."""

    name: str
    uid: str
    labels: Mapping[str, str]


def node_of(item: Json, host_id_annotation: str, address_types: Sequence[str] = ()) -> ClusterNode:
    """Convert a Node object; `address_types` are in order of preference, empty for Heapster's choice of address."""
    metadata, spec, status = _mapping(item, "metadata"), _mapping(item, "spec"), _mapping(item, "status")
    addresses = [each for each in status.get("addresses") or [] if isinstance(each, Mapping)]
    annotations = _mapping(metadata, "annotations")
    endpoint = _mapping(_mapping(status, "daemonEndpoints"), "kubeletEndpoint").get("Port")
    name = str(metadata.get("name", ""))
    return ClusterNode(
        name=name,
        uid=str(metadata.get("uid", "")),
        ready=_is_ready(status),
        hostname=_hostname(addresses) or name,
        address=_preferred_address(addresses, address_types) if address_types else _default_address(addresses),
        kubelet_port=endpoint if isinstance(endpoint, int) and endpoint else None,
        host_id=str(spec.get("externalID") or annotations.get(host_id_annotation, "") or ""),
        unschedulable=bool(spec.get("unschedulable")),
        labels=_strings(metadata.get("labels")),
        capacity=_strings(status.get("capacity")),
        allocatable=_strings(status.get("allocatable")),
    )


class PodReader:
    """Converts Pod objects; equal labels, containers and restart counts, as in one workload, are shared in memory."""

    def __init__(self) -> None:
        """Start without shared parts."""
        self._shared: dict[Hashable, Any] = {}

    def __call__(self, item: Json) -> ApiPod:
        """Convert one Pod object."""
        metadata, spec, status = _mapping(item, "metadata"), _mapping(item, "spec"), _mapping(item, "status")
        labels = _strings(metadata.get("labels"))
        containers = tuple(_container(each) for each in spec.get("containers") or [])
        statuses = status.get("containerStatuses") or []
        restarts = {intern(str(each.get("name", ""))): int(each.get("restartCount") or 0) for each in statuses}
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
            labels=self._shared_by(("labels", *labels.items()), labels),
            restarts=self._shared_by(("restarts", *restarts.items()), restarts),
            containers=self._shared_by(("containers", *map(_container_key, containers)), containers),
        )

    def _shared_by(self, key: Hashable, found: _Shared) -> _Shared:
        """An equal object seen before, else `found`. Cleared when full, which also drops unused objects."""
        if len(self._shared) >= MAX_SHARED:
            self._shared.clear()
        shared: _Shared = self._shared.setdefault(key, found)
        return shared


def pod_of(item: Json) -> ApiPod:
    """Convert one Pod object without sharing."""
    return PodReader()(item)


def namespace_of(item: Json) -> ClusterNamespace:
    """Convert a Namespace object."""
    metadata = _mapping(item, "metadata")
    name, uid = (str(metadata.get(key, "")) for key in ("name", "uid"))
    return ClusterNamespace(name, uid, _strings(metadata.get("labels")))


def runs(pod: ApiPod) -> bool:
    """Whether a pod is assigned to a node and has neither succeeded nor failed."""
    return bool(pod.node) and pod.phase not in _FINISHED


def _container(item: Json) -> ApiContainer:
    resources = _mapping(item, "resources")
    return ApiContainer(
        name=str(item.get("name", "")),
        image=str(item.get("image") or ""),
        requests=_strings(resources.get("requests")),
        limits=_strings(resources.get("limits")),
    )


def _container_key(container: ApiContainer) -> Hashable:
    resources = (container.requests, container.limits)
    return container.name, container.image, *(tuple(each.items()) for each in resources)


def _is_ready(status: Json) -> bool:
    """The Ready condition; a node without one counts as ready."""
    conditions = status.get("conditions") or []
    return all(each.get("status") == "True" for each in conditions if each.get("type") == "Ready")


def _hostname(addresses: list[Json]) -> str:
    names = [str(each.get("address") or "") for each in addresses if each.get("type") == "Hostname"]
    return next((name for name in reversed(names) if name), "")


def _default_address(addresses: list[Json]) -> str | None:
    """Heapster's choice: the last InternalIP that is an IP address, else the first ExternalIP if it is one."""
    address = ""
    for each in addresses:
        text = str(each.get("address") or "")
        if (each.get("type") == "InternalIP" and _is_ip(text)) or (each.get("type") == "ExternalIP" and not address):
            address = text
    return address if _is_ip(address) else None


def _preferred_address(addresses: list[Json], types: Sequence[str]) -> str | None:
    """The first valid address of the first type that has one."""
    for wanted in types:
        for each in addresses:
            text = str(each.get("address") or "")
            if each.get("type") == wanted and (_is_ip(text) if wanted in _IP_TYPES else _HOST_NAME.fullmatch(text)):
                return text
    return None


def _is_ip(text: str) -> bool:
    if "%" in text:  # a zone: not an IP address for Go
        return False
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _mapping(item: Json, name: str) -> Json:
    found = item.get(name)
    return found if isinstance(found, Mapping) else {}


def _strings(found: object) -> dict[str, str]:
    return {intern(str(key)): intern(str(value)) for key, value in found.items()} if isinstance(found, Mapping) else {}


def _time_ns(text: object) -> int | None:
    """Parse an RFC 3339 time in whole seconds."""
    if not isinstance(text, str) or not text:
        return None
    try:
        return int(datetime.fromisoformat(text).timestamp()) * 1_000_000_000
    except ValueError:
        return None
