"""HTTP endpoints of every service: /metrics for Prometheus, /healthz for liveness, /readyz for readiness."""

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

_POLL_INTERVAL_S: Final = 0.1  # for a request to shut down
_TEXT: Final = [("Content-Type", "text/plain; charset=utf-8")]


@contextmanager
def serve_metrics(ip: str, port: int, health: Health) -> Iterator[str]:
    """Serve the endpoints inside the `with` block and return the URL of /metrics; port 0 is any free port.

    Raises:
        ConfigError: the address or port cannot be used.
    """
    try:
        server = make_server(ip, port, _application(health), _Server6 if ":" in ip else _Server, _SilentHandler)
    except OSError as error:
        raise ConfigError(f"--metrics-port={port} --metrics-ip={ip}: {error.strerror or error}") from error
    thread = threading.Thread(target=server.serve_forever, args=(_POLL_INTERVAL_S,), name="metrics", daemon=True)
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
    checks: dict[str, Callable[[], list[str]]] = {"/healthz": health.stuck, "/readyz": health.unready}

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path in checks:
            reasons = checks[path]()
            start_response("503 Service Unavailable" if reasons else "200 OK", list(_TEXT))
            return [("\n".join(reasons or ["ok"]) + "\n").encode()]
        if path == "/metrics":
            return metrics(environ, start_response)
        start_response("404 Not Found", list(_TEXT))
        return [b"not found: use /metrics, /healthz or /readyz\n"]

    return answer


class _Server(ThreadingMixIn, WSGIServer):
    """Answers each request in a thread of its own."""

    daemon_threads = True


class _Server6(_Server):
    """The server for an IPv6 address."""

    address_family = socket.AF_INET6


class _SilentHandler(WSGIRequestHandler):
    """Does not log requests, as probes and Prometheus send one every few seconds."""

    timeout = 10.0  # seconds to wait for a client's request

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's
        """Log nothing."""
