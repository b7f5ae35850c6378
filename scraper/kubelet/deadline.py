"""HTTP requests with a deadline for the whole response; `requests` only has a timeout for each read.

A kubelet that sends a byte now and then would otherwise block a thread for hours. Every read of headers and body ends
at the deadline of the reading thread, and the deadline may be brought forward during the read.
"""

import http.client
import io
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Self

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.poolmanager import ProxyManager
from urllib3.util.ssl_ import resolve_cert_reqs

from scraper.kubelet.tls import TlsFiles, shared_context

_CHECK_INTERVAL_S: Final = 0.5


class Deadline:
    """A point in time, shared by several threads."""

    def __init__(self, within_s: float, *, parent: Self | None = None) -> None:
        """End `within_s` from now, and no later than the parent."""
        self._ends_at = time.monotonic() + within_s
        self._parent = parent

    def left_s(self) -> float:
        """Seconds left; zero or negative after the deadline."""
        left_s = self._ends_at - time.monotonic()
        return left_s if self._parent is None else min(left_s, self._parent.left_s())

    def within(self, within_s: float) -> Self:
        """A deadline `within_s` from now, and no later than this one."""
        return type(self)(within_s, parent=self)

    def bring_forward(self, within_s: float) -> None:
        """End no later than `within_s` from now."""
        self._ends_at = min(self._ends_at, time.monotonic() + within_s)


_of_thread: Final = threading.local()


@contextmanager
def reading_until(deadline: Deadline) -> Iterator[None]:
    """Apply the deadline to all responses that this thread reads in the context."""
    _of_thread.deadline = deadline
    try:
        yield
    finally:
        del _of_thread.deadline


class DeadlineAdapter(HTTPAdapter):
    """Adapter for requests made within `reading_until`."""

    def __init__(self, *, server_name: str | None = None, pool_connections: int) -> None:
        """`server_name` is the name expected in server certificates; None: the host of the URL."""
        self._server_name = server_name
        super().__init__(pool_connections=pool_connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base's signature
        """Use the connection classes below."""
        if self._server_name:
            kwargs["server_hostname"] = self._server_name
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:  # noqa: ANN401 - the base's signature
        """Use the connection classes below."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _DeadlineReader(io.RawIOBase):
    """Reads from a socket until the deadline of the thread that sent the request."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._deadline: Deadline = _of_thread.deadline
        # http.client closes the socket before the response is read; this file object keeps it open
        self._kept_open = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writable buffer, which has no type before Python 3.12
        while (left_s := self._deadline.left_s()) > 0:
            self._socket.settimeout(min(left_s, _CHECK_INTERVAL_S))
            try:
                return self._socket.recv_into(buffer)
            except TimeoutError:
                continue
        raise TimeoutError("deadline of the response exceeded")

    def close(self) -> None:
        self._kept_open.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base's signature
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_DeadlineReader(sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    """Uses a shared TLS context; through a proxy its own, because urllib3 also verifies the proxy with it."""

    response_class = _Response

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base's signature
        super().__init__(*args, **kwargs)
        verify_mode = resolve_cert_reqs(self.cert_reqs)
        self._files = TlsFiles(verify_mode, self.ca_certs, self.ca_cert_dir, self.cert_file, self.key_file)
        if self.proxy is None:  # urllib3 would load these files into the shared context again
            self.ca_certs = self.ca_cert_dir = self.cert_file = self.key_file = None

    def connect(self) -> None:
        """Connect or reconnect, with the current content of the TLS files."""
        if self.proxy is None:
            self.ssl_context = shared_context(self._files)
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: Final[dict[str, type[HTTPConnectionPool]]] = {"http": _Pool, "https": _TlsPool}
