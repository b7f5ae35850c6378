"""The options of `--source`; names and defaults are Heapster's (docs/configuration.md, 2)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from runtime.errors import ConfigError
from runtime.uri import KeyedUri, UriOptions, parse_keyed_uri
from scraper.cluster.credentials import Access
from scraper.cluster.login import Login
from scraper.cluster.objects import ADDRESS_TYPES, ClusterNode, Json, node_of
from scraper.kubelet.endpoint import KubeletAccess

log = logging.getLogger(__name__)

FLAG: Final = "--source"


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """The cluster to read, and how to reach its API server and kubelets."""

    login: Login  # address of the API server; credentials for it and the kubelets
    kubelets: KubeletAccess
    address_types: tuple[str, ...]  # in order of preference; empty: Heapster's choice
    node_selector: str  # label selector; empty: all nodes
    host_id_annotation: str
    pods_of_kubelets: bool  # read pods from each kubelet instead of the API server
    cadvisor: bool  # also read /metrics/cadvisor

    @classmethod
    def parse(cls, sources: Sequence[str]) -> Self:
        """Parse the values of `--source`. Raises ConfigError: names flag, option and value."""
        keyed = _only_source(sources)
        option = UriOptions.from_uri(keyed)
        access = Access(
            flag=option.flag,
            host=_host(keyed),
            in_cluster=option.boolean("inClusterConfig", default=True),
            kubeconfig=option.text("auth", ""),
            insecure=option.boolean("insecure", default=False),
            use_service_account=option.boolean("useServiceAccount", default=False),
        )
        version = option.text("apiVersion", "v1")
        kubelets = KubeletAccess.parse(option)
        address_types = _address_types(option)
        node_selector = option.text("labelSelector", "")
        host_id_annotation = option.text("host_id_annotation", "")
        pods_of_kubelets = option.choice("podSource", ("api", "kubelet")) == "kubelet"
        cadvisor = option.boolean("cadvisor", default=False)
        option.reject_unknown()
        if version != "v1":
            log.warning("apiVersion is ignored: v1 is always used", extra={"flag": option.flag, "apiVersion": version})
        return cls(
            login=Login(access),
            kubelets=kubelets,
            address_types=address_types,
            node_selector=node_selector,
            host_id_annotation=host_id_annotation,
            pods_of_kubelets=pods_of_kubelets,
            cadvisor=cadvisor,
        )

    def read_node(self, item: Json) -> ClusterNode:
        """Convert a Node object, with the address and host ID that the options select."""
        return node_of(item, self.host_id_annotation, self.address_types)


def _address_types(option: UriOptions) -> tuple[str, ...]:
    found = tuple(filter(None, (name.strip() for name in option.text("addressTypes", "").split(","))))
    unknown = [name for name in found if name not in ADDRESS_TYPES]
    if unknown:
        raise ConfigError(
            f"{option.flag}: addressTypes: {unknown[0]!r} is unknown, use {', '.join(sorted(ADDRESS_TYPES))}"
        )
    return found


def _only_source(sources: Sequence[str]) -> KeyedUri:
    if not sources:
        raise ConfigError(f"{FLAG} is missing: name the cluster to read, for example {FLAG}=kubernetes")
    if len(sources) > 1:
        raise ConfigError(f"{FLAG}: Wrong number of sources specified: {len(sources)}, give exactly one")
    keyed = parse_keyed_uri(FLAG, sources[0])
    if keyed.key not in {"kubernetes", "kubernetes.summary_api"}:
        raise ConfigError(f"{FLAG}={keyed.key}: unknown source: use kubernetes, which reads the Summary API")
    return keyed


def _host(keyed: KeyedUri) -> str:
    """Scheme, host and port of the URI; empty if scheme or host is missing."""
    uri = keyed.uri
    if uri is None or not uri.scheme or not uri.hostname:
        return ""
    return f"{uri.scheme}://{uri.netloc.rpartition('@')[2]}"
