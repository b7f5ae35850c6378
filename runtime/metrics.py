"""What a service says about itself over HTTP: /metrics for Prometheus, /healthz and /readyz for whoever runs it."""

import logging
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import make_wsgi_app

from runtime.errors import ConfigError
from runtime.health import Health

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.1  # whether to end
_TEXT: Final = [("Content-Type", "text/plain; charset=utf-8")]


@contextmanager
def serve_metrics(ip: str, port: int, health: Health) -> Iterator[str]:
    """Serve them meanwhile; the URL of the metrics. Port 0 is any free one.

    Raises:
        ConfigError: nothing can listen there.
    """
    try:
        server = make_server(ip, port, _application(health), _Server6 if ":" in ip else _Server, _Quiet)
    except OSError as error:
        raise ConfigError(f"--metrics-port={port} --metrics-ip={ip}: {error.strerror or error}") from error
    thread = threading.Thread(target=server.serve_forever, args=(_LOOK_EVERY_S,), name="metrics", daemon=True)
    thread.start()
    url = f"http://{ip}:{server.server_port}/metrics"
    log.info("metrics are served", extra={"url": url})
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _application(health: Health) -> "Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]":
    metrics: Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]] = make_wsgi_app()
    asked: dict[str, Callable[[], list[str]]] = {"/healthz": health.stuck, "/readyz": health.unready}

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path in asked:
            reasons = asked[path]()
            start_response("503 Service Unavailable" if reasons else "200 OK", list(_TEXT))
            return [("\n".join(reasons or ["ok"]) + "\n").encode()]
        if path == "/metrics":
            return metrics(environ, start_response)
        start_response("404 Not Found", list(_TEXT))
        return [b"there are /metrics, /healthz and /readyz\n"]

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    """One request holds up no other."""

    daemon_threads = True


class _Server6(_Server):
    """The same on an IPv6 address."""

    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    """Requests are not logged: one every few seconds, for ever."""

    timeout = 10.0  # of a client that says nothing

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
        """Say nothing."""
