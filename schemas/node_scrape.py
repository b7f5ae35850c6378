"""NodeScrape: one scrape of one node, the record of `kubelet-stats`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from schemas.codec import Codec, array

CODEC: Final = Codec("node_scrape")
_AROUND_PODS: Final = CODEC.around("pods")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContainer:
    """A container of a pod's spec; requests and limits are Kubernetes quantities by resource."""

    name: str
    image: str
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPod:
    """A pod as the Kubernetes API showed it when the node was scraped."""

    namespace: str
    name: str
    uid: str
    node: str = ""
    phase: str = ""
    start_time_ns: int | None = None  # status.startTime
    owner_kind: str = ""
    owner_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)  # by container, of those with a status
    containers: tuple[ApiContainer, ...] = ()  # of the spec, init containers left out
    _encoded: bytes | None = field(default=None, init=False, compare=False, repr=False)

    def encoded(self) -> bytes:
        """Its part of a record. Kept: a pod is in one record a window and hardly ever changes in between."""
        if self._encoded is None:
            fields = {**_fields(self), "containers": [_fields(container) for container in self.containers]}
            object.__setattr__(self, "_encoded", _AROUND_PODS.item.encode(fields))
        return cast("bytes", self._encoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiNamespace:
    """A namespace as the Kubernetes API showed it when the node was scraped."""

    name: str
    uid: str
    nodes: int  # how many nodes run pods of it
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiWorkload:
    """What pods belong to, as a Deployment: see `schemas.workload`."""

    namespace: str
    kind: str
    name: str
    nodes: int  # how many nodes run pods of it


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeScrape:
    """One scrape of one node, complete in itself.

    `document` holds the kubelet's JSON as it came; a failed scrape has none and says why in `error`. `cadvisor` holds
    those lines of `/metrics/cadvisor` that are used, as they came; None if that was not asked, or it failed.
    """

    cluster: str
    node: str  # name of the API object
    window_end_ns: int  # event time
    resolution_ns: int
    scraped_at_ns: int  # the scraper's clock when the answer was complete
    duration_ns: int = 0
    clock_offset_ns: int | None = None  # the kubelet's clock minus the scraper's
    source: str = "summary"
    document: bytes | None
    error: str | None = None
    cluster_nodes: int = 1  # to be scraped in this window, this one included
    hostname: str = ""
    host_id: str = ""
    address: str = ""
    uid: str = ""
    unschedulable: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    capacity: Mapping[str, str] = field(default_factory=dict)  # quantities by resource
    allocatable: Mapping[str, str] = field(default_factory=dict)
    pods: tuple[ApiPod, ...] = ()
    namespaces: tuple[ApiNamespace, ...] = ()
    cadvisor: bytes | None = None
    cadvisor_error: str | None = None
    workloads: tuple[ApiWorkload, ...] = ()

    @property
    def key(self) -> str:
        """Key of the record in `kubelet-stats`."""
        return node_key(self.cluster, self.node)


def node_key(cluster: str, node: str) -> str:
    """Key of everything about one node in a topic."""
    return f"{cluster}/{node}"


def encode_scrape(scrape: NodeScrape) -> bytes:
    """The record's bytes. Raises ValueError: a field does not fit the schema."""
    record = _fields(scrape)
    record["namespaces"] = [_fields(namespace) for namespace in scrape.namespaces]
    record["workloads"] = [_fields(workload) for workload in scrape.workloads]
    before, after = _AROUND_PODS.before.encode(record), _AROUND_PODS.after.encode(record)
    return b"".join((CODEC.header, before, array([pod.encoded() for pod in scrape.pods]), after))


def decode_scrape(data: bytes | None) -> NodeScrape:
    """The scrape in `data`. Raises UndecodableError: no published version reads it."""
    record = cast("dict[str, Any]", CODEC.decode(data))
    record["pods"] = tuple(
        ApiPod(**{**pod, "containers": tuple(ApiContainer(**container) for container in pod["containers"])})
        for pod in record["pods"]
    )
    record["namespaces"] = tuple(ApiNamespace(**namespace) for namespace in record["namespaces"])
    record["workloads"] = tuple(ApiWorkload(**workload) for workload in record["workloads"])
    return NodeScrape(**record)


def _fields(record: NodeScrape | ApiPod | ApiContainer | ApiNamespace | ApiWorkload) -> dict[str, object]:
    """One level of a record: nested ones stay as they are, which makes this cheap."""
    return {name: getattr(record, name) for name in record.__slots__}
