"""HTTP with a deadline for the whole answer: requests knows a timeout for each piece of it only.

A kubelet that sends a byte now and then would hold a thread for hours. Here every read from the connection waits no
longer than the deadline of the thread that reads, headers included, and a deadline may be brought forward meanwhile.
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

_LOOK_EVERY_S: Final = 0.5


class Deadline:
    """A moment that several threads work against."""

    def __init__(self, within_s: float, *, part_of: Self | None = None) -> None:
        """From now on, and no later than that of which it is part."""
        self._ends_at = time.monotonic() + within_s
        self._part_of = part_of

    def left_s(self) -> float:
        """Seconds until then; not positive: it is over."""
        left_s = self._ends_at - time.monotonic()
        return left_s if self._part_of is None else min(left_s, self._part_of.left_s())

    def within(self, within_s: float) -> Self:
        """One that is over with this one, or after so long from now."""
        return type(self)(within_s, part_of=self)

    def bring_forward(self, within_s: float) -> None:
        """Let it be no later than that."""
        self._ends_at = min(self._ends_at, time.monotonic() + within_s)


_of_thread: Final = threading.local()


@contextmanager
def reading_until(deadline: Deadline) -> Iterator[None]:
    """Let this thread's answers be read until then."""
    _of_thread.deadline = deadline
    try:
        yield
    finally:
        del _of_thread.deadline


class DeadlineAdapter(HTTPAdapter):
    """Sends requests that are made within `reading_until`."""

    def __init__(self, *, server_name: str | None = None, pool_connections: int) -> None:
        """`server_name` is what a server's certificate must be for, None: the name or address in the URL."""
        self._server_name = server_name
        super().__init__(pool_connections=pool_connections)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base's signature
        """As the base does, with our connections."""
        if self._server_name:
            kwargs["server_hostname"] = self._server_name
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> ProxyManager:  # noqa: ANN401 - the base's signature
        """As the base does, with our connections."""
        manager: ProxyManager = super().proxy_manager_for(proxy, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager


class _PatientReader(io.RawIOBase):
    """Reads from a socket until the deadline of the thread that asked."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._deadline: Deadline = _of_thread.deadline
        # http.client closes a socket before its answer is read: what has been made of it keeps it open
        self._kept_open = connected.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a writeable buffer, which has no name before 3.12
        while (left_s := self._deadline.left_s()) > 0:
            self._socket.settimeout(min(left_s, _LOOK_EVERY_S))
            try:
                return self._socket.recv_into(buffer)
            except TimeoutError:
                continue
        raise TimeoutError("the deadline of the answer has passed")

    def close(self) -> None:
        self._kept_open.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base's signature
        super().__init__(sock, *args, **kwargs)
        self.fp.close()
        self.fp = io.BufferedReader(_PatientReader(sock))


class _Connection(HTTPConnection):
    response_class = _Response


class _TlsConnection(HTTPSConnection):
    """Has a context that it shares; one through a proxy its own, for urllib3 checks also the proxy by these files."""

    response_class = _Response

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - the base's signature
        super().__init__(*args, **kwargs)
        verify_mode = resolve_cert_reqs(self.cert_reqs)
        self._files = TlsFiles(verify_mode, self.ca_certs, self.ca_cert_dir, self.cert_file, self.key_file)
        if self.proxy is None:  # what urllib3 knows of, it reads into the context again
            self.ca_certs = self.ca_cert_dir = self.cert_file = self.key_file = None

    def connect(self) -> None:
        """Also again: a kept connection that was lost is made anew, by the files as they are then."""
        if self.proxy is None:
            self.ssl_context = shared_context(self._files)
        super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


_POOLS: Final[dict[str, type[HTTPConnectionPool]]] = {"http": _Pool, "https": _TlsPool}
