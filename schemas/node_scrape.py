"""NodeScrape: one scrape of one node, the record of `kubelet-stats`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from schemas.codec import Codec, encode_array

CODEC: Final = Codec("node_scrape")
_SPLIT: Final = CODEC.split_at("pods")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiContainer:
    """A container in a pod's spec; requests and limits are Kubernetes quantities by resource."""

    name: str
    image: str
    requests: Mapping[str, str] = field(default_factory=dict)
    limits: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiPod:
    """A pod in the Kubernetes API at the time of the scrape."""

    namespace: str
    name: str
    uid: str
    node: str = ""
    phase: str = ""
    start_time_ns: int | None = None  # status.startTime
    owner_kind: str = ""
    owner_name: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    restarts: Mapping[str, int] = field(default_factory=dict)  # by container; only containers with a status
    containers: tuple[ApiContainer, ...] = ()  # of the spec, without init containers
    _encoded: bytes | None = field(default=None, init=False, compare=False, repr=False)

    def encoded(self) -> bytes:
        """The pod's bytes in a record. They are cached, as pods rarely change between two windows."""
        if self._encoded is None:
            fields = {**_fields(self), "containers": [_fields(container) for container in self.containers]}
            object.__setattr__(self, "_encoded", _SPLIT.item.encode(fields))
        return cast("bytes", self._encoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiNamespace:
    """A namespace in the Kubernetes API at the time of the scrape."""

    name: str
    uid: str
    nodes: int  # number of nodes that run its pods
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiWorkload:
    """A workload such as a Deployment, see `schemas.workload`."""

    namespace: str
    kind: str
    name: str
    nodes: int  # number of nodes that run its pods


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeScrape:
    """One scrape of one node, with all data that the processor needs.

    `document` is the kubelet's unchanged JSON; a failed scrape has None and the reason in `error`. `cadvisor` is the
    unchanged lines of `/metrics/cadvisor` that are used; None if they were not requested or the request failed.
    """

    cluster: str
    node: str  # name of the API object
    window_end_ns: int  # event time
    resolution_ns: int
    scraped_at_ns: int  # end of the response, by the scraper's clock
    duration_ns: int = 0
    clock_offset_ns: int | None = None  # the kubelet's clock minus the scraper's
    source: str = "summary"
    document: bytes | None
    error: str | None = None
    cluster_nodes: int = 1  # nodes to scrape in this window, including this one
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
        """Key of this record in `kubelet-stats`."""
        return node_key(self.cluster, self.node)


def node_key(cluster: str, node: str) -> str:
    """Key of a node's records in every topic."""
    return f"{cluster}/{node}"


def encode_scrape(scrape: NodeScrape) -> bytes:
    """The record's bytes. Raises ValueError: a field does not fit the schema."""
    record = _fields(scrape)
    record["namespaces"] = [_fields(namespace) for namespace in scrape.namespaces]
    record["workloads"] = [_fields(workload) for workload in scrape.workloads]
    before, after = _SPLIT.before.encode(record), _SPLIT.after.encode(record)
    return b"".join((CODEC.header, before, encode_array([pod.encoded() for pod in scrape.pods]), after))


def decode_scrape(data: bytes | None) -> NodeScrape:
    """Decode a scrape. Raises UndecodableError: no published version reads it."""
    record = cast("dict[str, Any]", CODEC.decode(data))
    record["pods"] = tuple(
        ApiPod(**{**pod, "containers": tuple(ApiContainer(**container) for container in pod["containers"])})
        for pod in record["pods"]
    )
    record["namespaces"] = tuple(ApiNamespace(**namespace) for namespace in record["namespaces"])
    record["workloads"] = tuple(ApiWorkload(**workload) for workload in record["workloads"])
    return NodeScrape(**record)


def _fields(record: NodeScrape | ApiPod | ApiContainer | ApiNamespace | ApiWorkload) -> dict[str, object]:
    """The fields of a record; nested records are not converted."""
    return {name: getattr(record, name) for name in record.__slots__}
