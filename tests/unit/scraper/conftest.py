"""A server for tests that control every byte of a response."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

Respond = Callable[[socket.socket], None]


class RawServer:
    """Accepts connections on loopback and calls `respond` with the connection for each request."""

    def __init__(self, respond: Respond, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listening = socket.create_server((address, 0), family=family)
        self._respond = respond
        self.address, self.port = self._listening.getsockname()[:2]
        self.requests: list[bytes] = []
        self.connections = 0
        self._accepting = threading.Thread(target=self._accept, daemon=True)
        self._accepting.start()

    def _accept(self) -> None:
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
                self._respond(connection)

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._accepting.join()


@pytest.fixture
def raw_server() -> Iterator[Callable[..., RawServer]]:
    running: list[RawServer] = []

    def start(respond: Respond, address: str = "127.0.0.1") -> RawServer:
        running.append(RawServer(respond, address))
        return running[-1]

    yield start
    for each in running:
        each.close()
