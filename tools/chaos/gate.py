"""An HTTP gate in front of InfluxDB that lets everything pass, until it is told to misbehave."""

import threading
import time
from http.server import BaseHTTPRequestHandler
from typing import Final, Literal, TypeAlias

import requests

from tools.stack.loopback_http import LoopbackServer

Mood: TypeAlias = Literal["pass", "unavailable", "too many", "unauthorized", "hang", "lose answers"]

_REFUSALS: Final = {"unavailable": 503, "too many": 429, "unauthorized": 401}
RETRY_AFTER_S: Final = 2
_HANG_S: Final = 60.0
_HOP_BY_HOP: Final = {"connection", "content-length", "host", "transfer-encoding"}


class Gate(LoopbackServer):
    """Serves while it is entered."""

    def __init__(self, target: str) -> None:
        """In front of the server at that URL."""
        super().__init__(_Handler)
        self.target = target
        self.mood: Mood = "pass"
        self.disturbed_s: list[float] = []  # when requests came that did not pass, by the monotonic clock

    def handle_error(self, *_: object) -> None:
        """A client that went away, killed most likely: nothing to tell."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Gate

    def do_GET(self) -> None:
        self._handle()

    def do_POST(self) -> None:
        self._handle()

    def log_message(self, *_: object) -> None:
        """Silent."""

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        mood = self.server.mood
        if mood != "pass":
            self.server.disturbed_s.append(time.monotonic())
        if mood == "hang":
            threading.Event().wait(_HANG_S)
            self.close_connection = True
        elif mood in _REFUSALS:
            self._answer(_REFUSALS[mood], {"Retry-After": str(RETRY_AFTER_S)}, b'{"error":"not now"}')
        else:
            self._forward(body, answers=mood != "lose answers")

    def _forward(self, body: bytes, *, answers: bool) -> None:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP_BY_HOP}
        try:
            answer = requests.request(
                self.command, self.server.target + self.path, headers=headers, data=body, timeout=_HANG_S, stream=True
            )
            content = answer.raw.read()
        except requests.RequestException:
            self.close_connection = True
            return
        if not answers:
            self.close_connection = True
            return
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        self._answer(answer.status_code, kept, content)

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
