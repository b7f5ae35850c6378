"""How a kubelet is reached: at its own port or through the API server, which certificates are believed, who we are."""

import logging
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Self
from urllib.parse import quote

from runtime.errors import ConfigError
from runtime.uri import Options
from scraper.cluster.login import Login
from scraper.cluster.objects import ClusterNode

log = logging.getLogger(__name__)

_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class KubeletAccess:
    """What the source says about reaching kubelets; options and defaults are in docs/configuration.md, 2."""

    https: bool
    port: int
    port_given: bool
    node_status_port: bool  # the kubelet's port is what the node's status says, where it says one
    insecure: bool  # certificates of kubelets are not verified
    ca: str  # path of the CA file for kubelets; empty: the API server's
    through_api: bool

    @classmethod
    def parse(cls, option: Options) -> Self:
        """From the source's options. Raises ConfigError: option and value."""
        access = cls(
            https=option.boolean("kubeletHttps", default=False),
            port=option.integer("kubeletPort", 10255, at_least=1, at_most=_LAST_PORT),
            port_given="kubeletPort" in option.values,
            node_status_port=option.boolean("nodeStatusPort", default=False),
            insecure=option.boolean("kubeletInsecure", default=False),
            ca=option.text("kubeletCA", ""),
            through_api=option.boolean("kubeletProxy", default=False),
        )
        if access.ca and access.insecure:
            raise ConfigError(f"{option.flag}: kubeletCA and kubeletInsecure=true contradict each other: give one")
        if access.ca:
            _check_ca(f"{option.flag}: kubeletCA={access.ca}", access.ca)
        if (access.ca or access.insecure) and (access.through_api or not access.https):
            said = "with kubeletProxy=true" if access.through_api else "without kubeletHttps=true"
            log.warning("kubeletCA and kubeletInsecure change nothing %s", said, extra={"flag": option.flag})
        return access


class Trust(NamedTuple):
    """The TLS side of a request, as `requests` takes it."""

    verify: str | bool  # path of a CA file; False: any certificate will do
    certificate: tuple[str, str] | None  # ours and its key, paths
    proxy: str | None


class KubeletEndpoint:
    """Addresses of kubelets and credentials for them: those that the API client has too."""

    def __init__(self, login: Login, access: KubeletAccess) -> None:
        """Tells once if certificates are not verified."""
        self._login = login
        self._access = access
        if access.https and not access.through_api and self.trust().verify is False:
            log.warning(
                "the certificates of kubelets are not verified: there is no CA for them, or insecure or"
                " kubeletInsecure is true"
            )

    def right(self, url: str) -> str:
        """The resource that one must have the right to get, to read that of a kubelet."""
        if self._access.through_api or url.endswith("/pods"):
            return "nodes/proxy"
        return "nodes/metrics" if "/metrics/" in url else "nodes/stats"

    @property
    def server_name(self) -> str | None:
        """The name that the server's certificate must have, if it is not that of the URL."""
        name: str | None = self._login.configuration.tls_server_name if self._access.through_api else None
        return name

    def url(self, node: ClusterNode) -> str:
        """Where the kubelet's paths begin."""
        return self._through_api(node) if self._access.through_api else self._direct(node)

    def trust(self) -> Trust:
        """As things are now: files may have been replaced."""
        api = self._login.configuration
        verify: str | bool = (api.ssl_ca_cert or False) if api.verify_ssl else False
        if self._access.through_api:
            verify = (api.ssl_ca_cert or _system_ca()) if api.verify_ssl else False
        elif self._access.ca or self._access.insecure:
            verify = self._access.ca or False
        certificate = (api.cert_file, api.key_file) if api.cert_file and api.key_file else None
        return Trust(verify, certificate, api.proxy if self._access.through_api else None)

    def authorization(self, url: str) -> Mapping[str, str]:
        """The header that says who we are; none over plain http."""
        return self._login.authorization(url)

    def refused(self) -> None:
        """The kubelet, or the API server before it, does not believe us."""
        self._login.refused()

    def _direct(self, node: ClusterNode) -> str:
        address = node.address or ""
        host = f"[{address}]" if ":" in address else address
        return f"{'https' if self._access.https else 'http'}://{host}:{self._port(node)}"

    def _through_api(self, node: ClusterNode) -> str:
        """The API server knows the kubelet's port and has credentials for that one; only another one is named."""
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
        raise ConfigError(f"{option}: no certificates in PEM form are in it") from error
    except OSError as error:
        raise ConfigError(f"{option}: {error.strerror}") from error


def _system_ca() -> str | bool:
    """What the API client believes when it is given no CA."""
    paths = ssl.get_default_verify_paths()
    return paths.cafile or paths.capath or True
