"""`heapster-stream api`: serves Heapster's APIs and the web page from derived-metrics."""

import logging
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Final

import click
import uvicorn

from api import telemetry
from api.app import Choices, application
from api.config import DEFAULT_IP, DEFAULT_PORT, Address, Security
from api.heapster.history import FLAG, History, HistoryConfig
from api.http.peer import PeerProtocol
from api.ingest.follower import FollowConfig
from api.ingest.follower_process import FollowerProcess
from api.ingest.freshness import Progress
from api.status import Served
from api.store.current_view import AHEAD_NS
from api.store.packed_batch import PackedBatch
from api.store.store import Store
from runtime import flags
from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings
from runtime.logs import LogSettings
from runtime.memory import tune_memory
from runtime.shutdown import stop_on_signals
from schemas.topics import topics

log = logging.getLogger(__name__)

_STOP_WITHIN_S: Final = 5
_SWITCH_S: Final = 0.001  # a thread yields to short requests after this time, also while it computes a page
_FILE: Final = click.Path(path_type=Path)


@click.command("api", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.flag(
    "--listen", metavar="IP:PORT", help="Address and port to serve on; replaces --listen-ip and --heapster-port."
)
@flags.flag("--listen-ip", help=f"Address to serve on; 0.0.0.0 for all addresses.  [default: {DEFAULT_IP}]")
@flags.flag(
    "--heapster-port",
    type=flags.WholeNumber(0, 65535),
    help=f"Port to serve on; 0 for any free port.  [default: {DEFAULT_PORT}]",
)
@flags.flag("--tls-cert", type=_FILE, help="PEM file with the server certificate; with --tls-key the api serves HTTPS.")
@flags.flag("--tls-key", type=_FILE, help="PEM file with the private key of --tls-cert, not encrypted.")
@flags.flag(
    "--tls-client-ca", type=_FILE, help="PEM file with the CA of client certificates; clients need a certificate then."
)
@flags.flag(
    "--allowed-users",
    default="",
    help="Common names of allowed client certificates, separated by commas; without it, all.",
)
@flags.flag("--token-file", type=_FILE, help="File with the bearer token that clients must send.")
@flags.flag("--cluster-name", default="default", help="Cluster to serve, as in --cluster-name of its scrapers.")
@flags.flag(
    FLAG,
    metavar="influxdb:URI",
    help="InfluxDB of the historical API, as in the writer's --sink; without it, no such API.",
)
@flags.flag("--disable-export", is_flag=True, help="Do not serve the metric export.")
@flags.flag("--disable-metric-sink", is_flag=True, help="Keep no metrics in memory; routes that need them answer 503.")
@flags.log_flags
def api(  # noqa: PLR0913 - a flag each
    *,
    kafka: KafkaSettings,
    listen: str | None,
    listen_ip: str | None,
    heapster_port: int | None,
    tls_cert: Path | None,
    tls_key: Path | None,
    tls_client_ca: Path | None,
    allowed_users: str,
    token_file: Path | None,
    cluster_name: str,
    historical_source: str | None,
    disable_export: bool,
    disable_metric_sink: bool,
    logs: LogSettings,
) -> None:
    """Serve Heapster's model API, resource metrics API, export and historical API, and a web page.

    Start any number of them: each reads all of derived-metrics.
    """
    logs.start()
    security = Security.parse(
        tls_cert=tls_cert,
        tls_key=tls_key,
        tls_client_ca=tls_client_ca,
        allowed_users=allowed_users,
        token_file=token_file,
    )
    address = Address.parse(listen, listen_ip, heapster_port)
    choices = Choices(
        access=security.access,
        export=not disable_export,
        metric_sink=not disable_metric_sink,
        history=_history(historical_source, cluster_name),
    )
    server = Server(address, security, choices)
    followed = FollowConfig(kafka=kafka, cluster=cluster_name, topic=topics(kafka.prefix).derived_metrics)
    sys.exit(server.run(followed if choices.metric_sink else None, logs))


class Server:
    """Serves from memory, and stores what the follower process delivers."""

    def __init__(self, address: Address, security: Security, choices: Choices) -> None:
        """Bind the address. Raises ConfigError if that fails."""
        self._listener = _listening(address)
        self._store, self._served = Store(), Served()
        self._failed = threading.Event()
        tls = security.tls
        self._http = uvicorn.Server(
            uvicorn.Config(
                application(self._store, self._served, time.time_ns, choices),
                http=PeerProtocol,
                ssl_context_factory=None if tls is None else lambda _config, _default: tls,
                log_config=None,
                access_log=False,
                log_level="warning",
                server_header=False,
                timeout_graceful_shutdown=_STOP_WITHIN_S,
            )
        )
        url = address.url(self._listener.getsockname()[1], tls=tls is not None)
        log.info("serving", extra={"url": url})
        if security.access is None and not address.loopback:
            log.warning("anyone who reaches this address has access: set --token-file or --tls-client-ca")

    def run(self, followed: FollowConfig | None, logs: LogSettings) -> int:
        """Serve until stopped; return the exit status."""
        sys.setswitchinterval(_SWITCH_S)
        stop_on_signals()  # uvicorn raises them again: without a handler the process would end
        intake = None if followed is None else FollowerProcess(followed, logs, self._take, self._fail)
        if intake is not None:
            intake.start()
        try:
            self._http.run(sockets=[self._listener])
        finally:
            if intake is not None:
                intake.stop()
        return int(self._failed.is_set())

    def _take(self, news: PackedBatch | Progress) -> None:
        now_ns = time.time_ns()
        if isinstance(news, Progress):
            if news.caught_up and not self._served.progress.caught_up:
                tune_memory()  # exclude the stored data from garbage collection
            self._served.progress = news
            self._store.expire(now_ns)
            telemetry.report(news, self._store.newest_ns(now_ns + AHEAD_NS))
        else:
            telemetry.taken(now_ns, wanted=self._store.put(news, now_ns), took_ns=time.time_ns() - now_ns)

    def _fail(self) -> None:
        self._failed.set()
        self._http.should_exit = True


def _history(source: str | None, cluster: str) -> History | None:
    if not source:
        return None
    config = HistoryConfig.parse(source, cluster)
    if config.ignored:
        log.warning(
            "options ignored: unknown, or without effect for the historical API",
            extra={"flag": FLAG, "ignored": config.ignored},
        )
    return History(config)


def _listening(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.ip else socket.AF_INET
    try:
        return socket.create_server((address.ip, address.port), family=family)
    except OSError as error:
        raise ConfigError(f"cannot listen on {address.ip}, port {address.port}: {error.strerror}") from error


if __name__ == "__main__":
    flags.run(api)
