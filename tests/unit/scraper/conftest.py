"""Peers of a scraper: the simulated cluster, and a server that answers byte by byte as a test says."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

Talk = Callable[[socket.socket], None]


class RawServer:
    """Takes connections on loopback and lets `talk` do with each what it likes, once a request has come."""

    def __init__(self, talk: Talk, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listening = socket.create_server((address, 0), family=family)
        self._talk = talk
        self.address, self.port = self._listening.getsockname()[:2]
        self.requests: list[bytes] = []
        self.connections = 0
        self._taking = threading.Thread(target=self._take, daemon=True)
        self._taking.start()

    def _take(self) -> None:
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            while request := connection.recv(65536):
                self.requests.append(request)
                self._talk(connection)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._taking.join()


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    running: list[RawServer] = []

    def start(talk: Talk, address: str = "127.0.0.1") -> RawServer:
        running.append(RawServer(talk, address))
        return running[-1]

    yield start
    for each in running:
        each.close()
