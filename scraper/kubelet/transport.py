"""GET requests to many servers, the same ones again and again, with as little work for each as `requests` allows.

A `requests.Session` prepares each request anew, looks through the environment for proxies and .netrc, keeps cookies and
thinks about redirects: that was half of what HTTP cost (docs/performance.md, 3). Here its adapter is given requests
that are ready.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.request import getproxies

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from scraper.kubelet import open_files
from scraper.kubelet.deadline import DeadlineAdapter
from scraper.kubelet.endpoint import Trust

_SERVERS_REMEMBERED: Final = 8192
"""More than a cluster has kubelets: they are asked in one order again and again, and with one too many all connections
would be made anew. One that is kept costs 51 KB with TLS, 2 KB without, and an open file."""
_URLS_REMEMBERED: Final = 2 * _SERVERS_REMEMBERED  # a kubelet's Summary and cadvisor's metrics


class Transport:
    """Used by many threads, each within `reading_until`. No token but the one given is sent, no cookie is kept."""

    def __init__(self, server_name: str | None) -> None:
        """`server_name` is what a server's certificate must be for, None: the name or address in the URL."""
        kept = open_files.connections_kept(_SERVERS_REMEMBERED)
        self._adapter = DeadlineAdapter(server_name=server_name, pool_connections=kept)
        self._environment_has_proxies = bool(getproxies())

    def get(
        self, url: str, headers: Mapping[str, str], trust: Trust, *, timeouts_s: tuple[float, float]
    ) -> requests.Response:
        """The answer, once it has begun; to be closed. `timeouts_s` are to connect, and for each piece of the answer.

        A redirect is an answer like any other. Raises as `requests` does.
        """
        request = requests.PreparedRequest()
        request.method, request.url = "GET", _prepared(url)
        request.headers = CaseInsensitiveDict(headers)
        return self._adapter.send(
            request,
            stream=True,
            timeout=timeouts_s,
            verify=trust.verify,
            cert=trust.certificate if url.startswith("https:") else None,
            proxies=self._proxies(url, trust),
        )

    def _proxies(self, url: str, trust: Trust) -> Mapping[str, str] | None:
        """The kubeconfig's proxy, or else the environment's, unless that has exceptions for this server."""
        if trust.proxy:
            return {"https": trust.proxy, "http": trust.proxy}
        return get_environ_proxies(url) if self._environment_has_proxies else None


@lru_cache(_URLS_REMEMBERED)
def _prepared(url: str) -> str:
    """As it goes over the wire: quoted, the host in ASCII."""
    request = requests.PreparedRequest()
    request.prepare_url(url, None)
    return request.url or url
