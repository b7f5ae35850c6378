"""How to reach a kubelet: URL, directly or through the API server, certificate verification and credentials."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import quote

from runtime.errors import ConfigError
from runtime.uri import UriOptions
from scraper.cluster.login import Login
from scraper.cluster.objects import ClusterNode

log = logging.getLogger(__name__)

_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletAccess:
    """The options of `--source` that concern kubelets; names and defaults are in docs/configuration.md, 2."""

    https: bool
    port: int
    port_given: bool
    node_status_port: bool  # use the kubelet port in the node's status if it has one
    insecure: bool  # do not verify certificates of kubelets
    ca: str  # path of the CA file for kubelets; empty: the CA of the API server
    via_api_server: bool

    @classmethod
    def parse(cls, option: UriOptions) -> Self:
        """Parse the options of `--source`. Raises ConfigError: names option and value."""
        access = cls(
            https=option.boolean("kubeletHttps", default=False),
            port=option.integer("kubeletPort", 10255, at_least=1, at_most=_LAST_PORT),
            port_given="kubeletPort" in option.values,
            node_status_port=option.boolean("nodeStatusPort", default=False),
            insecure=option.boolean("kubeletInsecure", default=False),
            ca=option.text("kubeletCA", ""),
            via_api_server=option.boolean("kubeletProxy", default=False),
        )
        if access.ca and access.insecure:
            raise ConfigError(f"{option.flag}: kubeletCA and kubeletInsecure=true contradict each other: remove one")
        if access.ca:
            _check_ca(f"{option.flag}: kubeletCA={access.ca}", access.ca)
        if (access.ca or access.insecure) and (access.via_api_server or not access.https):
            cause = "with kubeletProxy=true" if access.via_api_server else "without kubeletHttps=true"
            log.warning("kubeletCA and kubeletInsecure have no effect %s", cause, extra={"flag": option.flag})
        return access


class Trust(NamedTuple):
    """TLS and proxy settings of a request, as `requests` takes them."""

    verify: str | bool  # path of a CA file; False: accept any certificate
    certificate: tuple[str, str] | None  # paths of client certificate and key
    proxy: str | None


class KubeletEndpoint:
    """URLs of kubelets, and the API client's credentials for requests to them."""

    def __init__(self, login: Login, access: KubeletAccess) -> None:
        """Log a warning if certificates of kubelets are not verified."""
        self._login = login
        self._access = access
        if access.https and not access.via_api_server and self.trust().verify is False:
            log.warning(
                "the certificates of kubelets are not verified: insecure or kubeletInsecure is true, or there is no CA:"
                " set kubeletCA to verify them"
            )

    def rbac_resource(self, url: str) -> str:
        """The RBAC resource on which the verb `get` allows this request."""
        if self._access.via_api_server or url.endswith("/pods"):
            return "nodes/proxy"
        return "nodes/metrics" if "/metrics/" in url else "nodes/stats"

    @property
    def server_name(self) -> str | None:
        """Name expected in the server's certificate; None: the host of the URL."""
        name: str | None = self._login.configuration.tls_server_name if self._access.via_api_server else None
        return name

    def url(self, node: ClusterNode) -> str:
        """Base URL of the kubelet's paths."""
        return self._proxy_url(node) if self._access.via_api_server else self._direct_url(node)

    def trust(self) -> Trust:
        """The current settings, after any change of the credentials."""
        api = self._login.configuration
        verify: str | bool = (api.ssl_ca_cert or False) if api.verify_ssl else False
        if self._access.via_api_server:
            verify = (api.ssl_ca_cert or _system_ca()) if api.verify_ssl else False
        elif self._access.ca or self._access.insecure:
            verify = self._access.ca or False
        certificate = (api.cert_file, api.key_file) if api.cert_file and api.key_file else None
        return Trust(verify, certificate, api.proxy if self._access.via_api_server else None)

    def authorization(self, url: str) -> Mapping[str, str]:
        """The Authorization header; empty over plain http."""
        return self._login.authorization(url)

    def credentials_rejected(self) -> None:
        """Record that the kubelet, or the API server as its proxy, rejected the credentials."""
        self._login.credentials_rejected()

    def _direct_url(self, node: ClusterNode) -> str:
        address = node.address or ""
        host = f"[{address}]" if ":" in address else address
        return f"{'https' if self._access.https else 'http'}://{host}:{self._port(node)}"

    def _proxy_url(self, node: ClusterNode) -> str:
        """URL with the port only if it is not the one in the node's status, which the API server uses by default."""
        name = node.name
        port = self._port(node)
        if self._access.port_given and port != node.kubelet_port:
            name = f"{'https' if self._access.https else 'http'}:{name}:{port}"
        return f"{self._login.configuration.host}/api/v1/nodes/{quote(name, safe=':')}/proxy"

    def _port(self, node: ClusterNode) -> int:
        if self._access.node_status_port and node.kubelet_port is not None:
            return node.kubelet_port
        return self._access.port


def _check_ca(option: str, path: str) -> None:
    try:
        ssl.create_default_context(cafile=str(Path(path)))
    except ssl.SSLError as error:
        raise ConfigError(f"{option}: the file has no certificate in PEM format") from error
    except OSError as error:
        raise ConfigError(f"{option}: {error.strerror}") from error


def _system_ca() -> str | bool:
    """The CAs that the API client uses by default."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True
