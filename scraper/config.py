"""`--source`: which cluster is read, and how. Options and defaults are Heapster's (docs/configuration.md, 2)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from kubernetes import client

from runtime.errors import ConfigError
from runtime.uri import KeyedUri, Options, parse_keyed_uri
from scraper.credentials import Access, api_configuration

log = logging.getLogger(__name__)

FLAG: Final = "--source"
_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceConfig:
    """One cluster as the source names it."""

    api: client.Configuration  # where the API server is, and who we are there
    kubelet_port: int
    kubelet_https: bool
    node_status_port: bool  # the kubelet's port is what the node's status says, where it says one
    host_id_annotation: str

    @classmethod
    def parse(cls, sources: Sequence[str]) -> Self:
        """From the values of `--source`. Raises ConfigError: flag, option and value."""
        keyed = _only_source(sources)
        option = Options.of(keyed)
        access = Access(
            flag=option.flag,
            host=_host(keyed),
            in_cluster=option.boolean("inClusterConfig", default=True),
            kubeconfig=option.text("auth", ""),
            insecure=option.boolean("insecure", default=False),
            use_service_account=option.boolean("useServiceAccount", default=False),
        )
        version = option.text("apiVersion", "v1")
        kubelet_port = option.integer("kubeletPort", 10255, at_least=1, at_most=_LAST_PORT)
        kubelet_https = option.boolean("kubeletHttps", default=False)
        node_status_port = option.boolean("nodeStatusPort", default=False)
        host_id_annotation = option.text("host_id_annotation", "")
        if option.unread():
            log.warning("unknown options change nothing", extra={"flag": option.flag, "options": option.unread()})
        if version != "v1":
            log.warning("apiVersion changes nothing: v1 is spoken", extra={"flag": option.flag, "apiVersion": version})
        return cls(
            api=api_configuration(access),
            kubelet_port=kubelet_port,
            kubelet_https=kubelet_https,
            node_status_port=node_status_port,
            host_id_annotation=host_id_annotation,
        )


def _only_source(sources: Sequence[str]) -> KeyedUri:
    if not sources:
        raise ConfigError(f"{FLAG}: Failed to get kubernetes address: No kubernetes source found.")
    if len(sources) > 1:
        raise ConfigError(f"{FLAG}: Wrong number of sources specified: {len(sources)}, give exactly one")
    keyed = parse_keyed_uri(FLAG, sources[0])
    if keyed.key.partition(".")[0] != "kubernetes":
        raise ConfigError(f"{FLAG}={keyed.key}: Failed to get kubernetes address: No kubernetes source found.")
    if keyed.key not in {"kubernetes", "kubernetes.summary_api"}:
        raise ConfigError(f"{FLAG}: Source not recognized: {keyed.key}; there is kubernetes, the Summary API")
    return keyed


def _host(keyed: KeyedUri) -> str:
    """Scheme, host and port of the URI; empty unless it has both scheme and host."""
    uri = keyed.uri
    if uri is None or not uri.scheme or not uri.hostname:
        return ""
    return f"{uri.scheme}://{uri.netloc.rpartition('@')[2]}"
