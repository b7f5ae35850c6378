"""An InfluxDB server over real HTTP that answers with scripted errors."""

import gzip
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, NamedTuple, TypeAlias
from urllib.parse import parse_qs, urlsplit

import pytest


class Request(NamedTuple):
    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def lines(self) -> list[str]:
        return self.body.decode().splitlines()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # without this the body waits for the headers' acknowledgement
    server: "Server"

    def do_GET(self) -> None:
        self.respond()

    def do_POST(self) -> None:
        self.respond()

    def do_PATCH(self) -> None:
        self.respond()

    def respond(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        self.server.answer(Request(self.command, url.path, query, dict(self.headers), body), self)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's name
        pass


Answer: TypeAlias = tuple[int, str] | tuple[int, str, Mapping[str, str]] | Literal["hang", "cut"]


class Server(ThreadingHTTPServer):
    """Answers writes from `script`, then with 204; answers statements with an empty result."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[Request] = []
        self.script: list[Answer] = []  # answers to writes, in order
        self.refuses: Callable[[list[str]], Answer | None] = lambda _: (
            None
        )  # called for writes when the script is empty
        self.other: dict[tuple[str, str], Answer] = {  # by method and path
            ("GET", "/api/v2/dbrps"): (200, '{"content":[]}'),
            ("POST", "/api/v2/dbrps"): (422, '{"code":"conflict","message":"another DBRP mapping exists"}'),
        }
        self.released = threading.Event()
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def writes(self) -> list[Request]:
        return [request for request in self.requests if request.path == "/api/v2/write"]

    @property
    def statements(self) -> list[str]:
        return [parse_qs(request.body.decode())["q"][0] for request in self.requests if request.path == "/query"]

    def answer(self, request: Request, handler: Handler) -> None:
        with self._lock:
            self.requests.append(request)
            if request.path == "/api/v2/write":
                answer = self.script.pop(0) if self.script else self.refuses(request.lines) or (204, "")
            else:
                answer = self.other.get((request.method, request.path), (200, '{"results":[{"statement_id":0}]}'))
        if answer == "hang":
            self.released.wait(20)
            handler.close_connection = True
        elif answer == "cut":
            handler.wfile.write(b"HTTP/1.1 2")
            handler.close_connection = True
        else:
            status, body, *headers = answer
            send(handler, status, body.encode(), headers[0] if headers else {})


def send(handler: Handler, status: int, content: bytes, headers: Mapping[str, str]) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name, value)
    if status != 204:
        handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.released.set()
        server.shutdown()
        thread.join()
