"""`heapster-stream api`: Heapster's APIs, answered from derived-metrics."""

import logging
import socket
import threading
import time
from typing import Final

import click
import uvicorn

from api.app import application
from api.columns import Packed
from api.follow import FollowConfig, Follower
from api.health import Progress
from api.status import Served
from api.store import Store
from runtime import flags
from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings
from runtime.logs import start_logging
from schemas.topics import topics

log = logging.getLogger(__name__)

_EXPIRE_EVERY_S: Final = 5.0
_STOP_WITHIN_S: Final = 5


@click.command("api", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.flag("--listen-ip", default="127.0.0.1", help="Address to serve on; 0.0.0.0 is every one.")
@flags.flag("--heapster-port", type=click.IntRange(0, 65535), default=8082, help="Port to serve on; 0 is any free one.")
@flags.flag("--cluster-name", default="default", help="The cluster that is answered for, as its scrapers name it.")
@flags.log_level
def api(*, kafka: KafkaSettings, listen_ip: str, heapster_port: int, cluster_name: str, log_level: str) -> None:
    """Answer what Heapster answered: the model API, the resource metrics API, the export.

    Start as many as you like: each reads all of derived-metrics.
    """
    start_logging(log_level)
    followed = FollowConfig(kafka=kafka, cluster=cluster_name, topic=topics(kafka.prefix).derived_metrics)
    run(followed, listening(listen_ip, heapster_port))


def listening(ip: str, port: int) -> socket.socket:
    """A socket that listens there. Raises ConfigError: nothing can."""
    try:
        return socket.create_server((ip, port), family=socket.AF_INET6 if ":" in ip else socket.AF_INET)
    except OSError as error:
        raise ConfigError(f"--listen-ip={ip} --heapster-port={port}: {error.strerror or error}") from error


def run(config: FollowConfig, listener: socket.socket) -> None:
    """Serve until told to stop."""
    store, served, stopped = Store(), Served(), threading.Event()

    def deliver(news: Packed | Progress) -> None:
        if isinstance(news, Progress):
            served.progress = news
            store.expire(time.time_ns())
        else:
            store.put(news, time.time_ns())

    follower = threading.Thread(target=Follower(config, deliver, stopped).run, daemon=True)
    follower.start()
    host, port = listener.getsockname()[:2]
    log.info("serving", extra={"url": f"http://{host}:{port}"})
    server = uvicorn.Server(
        uvicorn.Config(
            application(store, served, time.time_ns),
            log_config=None,
            access_log=False,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=_STOP_WITHIN_S,
        )
    )
    try:
        server.run(sockets=[listener])
    finally:
        stopped.set()
        follower.join(_STOP_WITHIN_S)


if __name__ == "__main__":
    flags.run(api)
