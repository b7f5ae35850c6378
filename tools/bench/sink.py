"""A sink that only reads, or hands on to InfluxDB; it can note when each node's points were taken."""

import re
import time
import zlib
from http.server import BaseHTTPRequestHandler
from typing import Final

import requests

from tools.stack.loopback_http import LoopbackServer

_GZIP: Final = zlib.MAX_WBITS + 16
_NODE: Final = re.compile(rb"^uptime,[^\n]*nodename=([^,\n]+),type=node [^\n]* (\d+)$", re.MULTILINE)


class Sink(LoopbackServer):
    """Serves while it is entered; `taken_ns` is when a node's points of a window were acknowledged."""

    def __init__(self, target: str | None = None, *, notes: bool = False) -> None:
        """In front of the InfluxDB at that URL, or of nothing."""
        super().__init__(_Handler)
        self.target = target
        self.notes = notes
        self.taken_ns: dict[tuple[str, int], int] = {}
        self.session = requests.Session()

    def note(self, body: bytes) -> None:
        """A request with this body has been acknowledged."""
        if not self.notes:
            return
        now_ns = time.time_ns()
        for node, end_ns in _NODE.findall(zlib.decompress(body, _GZIP)):
            self.taken_ns.setdefault((node.decode(), int(end_ns)), now_ns)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Sink

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        status, content = self._answer(body)
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Silent."""

    def _answer(self, body: bytes) -> tuple[int, bytes]:
        writes = "/write" in self.path
        if self.server.target is None:
            if not writes:
                return 200, b'{"results":[{"statement_id":0}]}'
            self.server.note(body)
            return 204, b""
        headers = {name: self.headers[name] for name in ("Content-Encoding", "Content-Type") if name in self.headers}
        answer = self.server.session.post(self.server.target + self.path, data=body, headers=headers, timeout=120)
        if writes and answer.ok:
            self.server.note(body)
        return answer.status_code, answer.content
