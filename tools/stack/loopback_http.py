"""An HTTP server on loopback that serves while it is entered."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, Self

from tools.stack.ports import LOOPBACK

_LOOK_EVERY_S: Final = 0.05  # whether it is to end


class LoopbackServer(ThreadingHTTPServer):
    """At any free port; a thread for each connection, none of which keeps the process from ending."""

    daemon_threads = True

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        """Not serving yet."""
        super().__init__((LOOPBACK, 0), handler)
        self._thread = threading.Thread(target=self.serve_forever, args=(_LOOK_EVERY_S,), daemon=True)

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{LOOPBACK}:{self.server_address[1]}"

    def __enter__(self) -> Self:
        """Serve from now on."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Serve no more."""
        self.shutdown()
        self._thread.join()
        self.server_close()
