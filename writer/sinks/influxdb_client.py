"""HTTP client of one InfluxDB: credentials, timeouts, TLS."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

import urllib3
from influxdb_client.client.influxdb_client import InfluxDBClient

from runtime.influxdb import Version1, Version2
from writer.sinks.config import InfluxConfig

CONNECT_TIMEOUT_S: Final = 5.0


def new_client(config: InfluxConfig, answer_timeout_s: float) -> InfluxDBClient:
    """Create a client from the options of the sink; sends nothing."""
    target = config.target
    if isinstance(target, Version1):
        token, basic = (f"{target.user}:{target.password}" if target.user else ""), bool(target.user)
    else:
        token, basic = target.token, False
    if not config.verify_certificate:
        urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
    client = InfluxDBClient(
        url=config.url,
        token=token,
        auth_basic=basic,
        org=target.org if isinstance(target, Version2) else "-",
        timeout=(CONNECT_TIMEOUT_S * 1000, answer_timeout_s * 1000),
        verify_ssl=config.verify_certificate,
        connection_pool_maxsize=config.concurrency,
    )
    client.api_client.user_agent = f"heapster-stream/{_version()}"
    return client


def _version() -> str:
    try:
        return version("heapster-stream")
    except PackageNotFoundError:  # run from a source tree
        return "unknown"
