"""`heapster-stream writer`: from derived-metrics into InfluxDB, a file, Kafka or the log."""

import logging
import os
import sys
import threading
import time
from typing import Final

import click

from runtime import flags
from runtime.errors import ConfigError
from runtime.health import Health
from runtime.kafka import KafkaSettings
from runtime.logs import LogSettings
from runtime.metrics import metrics_served
from runtime.probe import KafkaProbe
from runtime.shutdown import stop_on_signals
from runtime.topics import wait_for_topics
from writer.pipeline.sink_worker import SinkWorker, WriterConfig
from writer.sinks.file_sink import reopen_on_hangup
from writer.sinks.registry import sink_of
from writer.sinks.sink import Sink

log = logging.getLogger(__name__)

_STOP_WITHIN_S: Final = 8.0
_LOOK_EVERY_S: Final = 0.2
_FLAG: Final = "--sink"


@click.command("writer", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.topic_flags
@flags.flag(
    _FLAG,
    multiple=True,
    required=True,
    metavar="KEY[:URI]",
    help="Where points go: influxdb:http://HOST:PORT?OPTION=VALUE&…, file:/PATH (line protocol; file:- is standard"
    " output), kafka:?brokers=HOST:PORT (Heapster's messages), or log. May be repeated; in the environment variable"
    " separated by spaces. InfluxDB 1.x: db=k8s, user=root, pw=root, retention=0 (as 7d; 0 keeps for ever). 2.x: org,"
    " token or token_file, bucket=<db>/default. Both: concurrency=1, secure=<by the scheme>, insecuressl=false."
    " InfluxDB and file: withfields=false, cluster_name=<of the record>, tags=1.5 (or 1.3: every label),"
    " disable_counter_metrics=false, exclude_tags=labels,…. Kafka: timeseriestopic=heapster-metrics, compression=none,"
    " user, password, cacert, cert, key, insecuressl=false. What goes to any sink: metrics, types, namespaces, labels,"
    " and those after exclude_, as metrics=cpu/*,memory/*&exclude_namespaces=kube-*.",
)
@flags.metrics_flags
@flags.log_flags
def writer(kafka: KafkaSettings, sink: tuple[str, ...], metrics_port: int, metrics_ip: str, logs: LogSettings) -> None:
    """Write derived-metrics to InfluxDB, retrying until it takes the points; what it refuses becomes a dead letter.

    Start as many as you like: those with the same sink share its partitions.
    """
    logs.start()
    sinks = build(sink)
    health = Health(time.monotonic)
    with metrics_served(metrics_ip, metrics_port, health):
        sys.exit(run(WriterConfig.live(kafka), sinks, health))


def build(values: tuple[str, ...]) -> list[Sink]:
    """The sinks of the command line. Raises ConfigError: one cannot be used, or is given twice."""
    sinks: dict[str, Sink] = {}
    for value in values:
        sink = sink_of(_FLAG, value)
        if sink.name in sinks:
            raise ConfigError(f"{_FLAG}: the same points would go to {sink.name} twice: give each sink once")
        sinks[sink.name] = sink
    return list(sinks.values())


def run(config: WriterConfig, sinks: list[Sink], health: Health) -> int:
    """Write until told to stop; the exit status."""
    stopped = stop_on_signals()
    reopen_on_hangup(sinks)
    if wait_for_topics(config.kafka, (config.source, config.dead_letter), stopped) is None:
        return 0
    workers = [_Worker(SinkWorker(config, sink, stopped, health), sink.name) for sink in sinks]
    KafkaProbe(config.kafka, config.source.name, health, stopped)
    for worker in workers:
        worker.start()
        log.info("writing", extra={"sink": worker.name, "topic": config.source.name})
    while not stopped.wait(_LOOK_EVERY_S):
        if not all(worker.is_alive() for worker in workers):
            stopped.set()
    ends_at = time.monotonic() + _STOP_WITHIN_S
    for worker in workers:
        worker.join(max(0.0, ends_at - time.monotonic()))
    if any(worker.is_alive() for worker in workers):
        log.warning("stopped in the middle of a write: its records are not committed and will be written again")
        logging.shutdown()
        os._exit(_status(workers))  # a thread that hangs in a library must not keep us
    return _status(workers)


class _Worker(threading.Thread):
    """One sink's thread; remembers whether it died."""

    def __init__(self, worker: SinkWorker, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.died = False
        self._worker = worker

    def run(self) -> None:
        self.died = True
        self._worker.run()
        self.died = False


def _status(workers: list[_Worker]) -> int:
    return int(any(worker.died and not worker.is_alive() for worker in workers))


if __name__ == "__main__":
    flags.run(writer)
