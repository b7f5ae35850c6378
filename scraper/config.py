"""`--source`: which cluster is read, and how. Options and defaults are Heapster's (docs/configuration.md, 2)."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from kubernetes import client, config
from kubernetes.config.config_exception import ConfigException

from runtime.errors import ConfigError
from runtime.uri import KeyedUri, Options, parse_keyed_uri

log = logging.getLogger(__name__)

FLAG: Final = "--source"
_SERVICE_ACCOUNT_TOKEN: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/token")
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
        if not sources or not sources[0]:
            raise ConfigError(f"{FLAG}: Failed to get kubernetes address: No kubernetes source found.")
        if len(sources) > 1:
            raise ConfigError(f"{FLAG}: Wrong number of sources specified: {len(sources)}, one is needed")
        keyed = parse_keyed_uri(FLAG, sources[0])
        if keyed.key.partition(".")[0] != "kubernetes":
            raise ConfigError(f"{FLAG}: Failed to get kubernetes address: No kubernetes source found in {sources[0]!r}")
        if keyed.key not in {"kubernetes", "kubernetes.summary_api"}:
            raise ConfigError(f"{FLAG}: Source not recognized: {keyed.key}; kubernetes is meant perhaps")
        return cls._read(keyed, Options.of(keyed))

    @classmethod
    def _read(cls, keyed: KeyedUri, option: Options) -> Self:
        in_cluster = option.boolean("inClusterConfig", default=True)
        insecure = option.boolean("insecure", default=False)
        use_service_account = option.boolean("useServiceAccount", default=False)
        auth = option.text("auth", "")
        version = option.text("apiVersion", "v1")
        parsed = cls(
            api=client.Configuration(),
            kubelet_port=option.integer("kubeletPort", 10255, at_least=1, at_most=_LAST_PORT),
            kubelet_https=option.boolean("kubeletHttps", default=False),
            node_status_port=option.boolean("nodeStatusPort", default=False),
            host_id_annotation=option.text("host_id_annotation", ""),
        )
        for name in option.unread():
            log.warning("unknown option, it changes nothing", extra={"flag": option.flag, "option": name})
        if version != "v1":
            log.warning("apiVersion is ignored: only v1 is spoken", extra={"flag": option.flag, "value": version})
        _connect(parsed.api, keyed, in_cluster=in_cluster, auth=auth, insecure=insecure)
        if use_service_account:
            _use_service_account(parsed.api)
        return parsed


def _connect(api: client.Configuration, keyed: KeyedUri, *, in_cluster: bool, auth: str, insecure: bool) -> None:
    host = f"{keyed.uri.scheme}://{keyed.uri.netloc.rpartition('@')[2]}" if _names_host(keyed) and keyed.uri else ""
    api.host = ""
    try:
        if in_cluster:
            config.load_incluster_config(client_configuration=api)
        elif auth:
            config.load_kube_config(config_file=auth, client_configuration=api)
    except (ConfigException, OSError) as error:
        where = f"auth={auth}" if auth and not in_cluster else "inClusterConfig=true"
        hint = "; outside a cluster give inClusterConfig=false" if in_cluster else ""
        raise ConfigError(f"{FLAG}: {where}: {error}{hint}") from error
    if in_cluster or not auth:
        api.host = host or api.host
        if insecure:
            api.verify_ssl = False
            api.ssl_ca_cert = None
    if not api.host:
        raise ConfigError(f"{FLAG}: invalid kubernetes master url specified: give one as kubernetes:http://HOST:PORT?…")


def _names_host(keyed: KeyedUri) -> bool:
    return keyed.uri is not None and bool(keyed.uri.scheme and keyed.uri.netloc)


def _use_service_account(api: client.Configuration) -> None:
    """Read the token at every request: projected ones expire."""

    def refresh(configuration: client.Configuration) -> None:
        try:
            token = _SERVICE_ACCOUNT_TOKEN.read_text().strip()
        except OSError as error:
            log.warning("useServiceAccount: no token", extra={"error": str(error)})
            return
        configuration.api_key["authorization"] = f"Bearer {token}"

    # its type is told from its default, None
    api.refresh_api_key_hook = refresh  # type: ignore[assignment]
    refresh(api)
