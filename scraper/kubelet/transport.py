"""Repeated GET requests to the same servers with little overhead.

A `requests.Session` prepares each request, reads proxies and .netrc from the environment, stores cookies and handles
redirects, which took half of the CPU time of HTTP (docs/optimizations.md). Here prepared requests go directly to the
adapter.
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

_MAX_SERVERS: Final = 8192
"""Must exceed the number of kubelets: they are requested in a fixed order, so with one server too many the LRU pool
would reopen every connection. A kept connection takes 51 KB with TLS, 2 KB without, and an open file."""
_MAX_URLS: Final = 2 * _MAX_SERVERS  # /stats/summary and /metrics/cadvisor


class Transport:
    """Kept connections to servers, for many threads, each within `reading_until`. No cookies or tokens are added."""

    def __init__(self, server_name: str | None) -> None:
        """`server_name` is the name expected in server certificates; None: the host of the URL."""
        connections = open_files.max_connections(_MAX_SERVERS)
        self._adapter = DeadlineAdapter(server_name=server_name, pool_connections=connections)
        self._environment_has_proxies = bool(getproxies())

    def get(
        self, url: str, headers: Mapping[str, str], trust: Trust, *, timeouts_s: tuple[float, float]
    ) -> requests.Response:
        """The response, with the body not read yet; must be closed. `timeouts_s`: to connect, and for each read.

        Redirects are not followed. Raises the exceptions of `requests`.
        """
        request = requests.PreparedRequest()
        request.method, request.url = "GET", _encoded_url(url)
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
        """The kubeconfig's proxy; otherwise the environment's, unless `no_proxy` excludes the server."""
        if trust.proxy:
            return {"https": trust.proxy, "http": trust.proxy}
        return get_environ_proxies(url) if self._environment_has_proxies else None


@lru_cache(_MAX_URLS)
def _encoded_url(url: str) -> str:
    """The URL percent-encoded, with the host in ASCII."""
    request = requests.PreparedRequest()
    request.prepare_url(url, None)
    return request.url or url
