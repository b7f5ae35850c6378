"""A service's figures about itself, for Prometheus: http://IP:PORT/metrics."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import start_http_server

from runtime.errors import ConfigError

log = logging.getLogger(__name__)


@contextmanager
def metrics_served(ip: str, port: int) -> Iterator[str]:
    """Serve them meanwhile; the URL. Port 0 is any free one.

    Raises:
        ConfigError: nothing can listen there.
    """
    try:
        server, thread = start_http_server(port, ip)
    except OSError as error:
        raise ConfigError(f"--metrics-port={port} --metrics-ip={ip}: {error.strerror or error}") from error
    url = f"http://{ip}:{server.server_port}/metrics"
    log.info("metrics are served", extra={"url": url})
    try:
        yield url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
