"""`heapster-stream writer`: write derived-metrics to InfluxDB, a file, Kafka or the log."""

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
from runtime.metrics import serve_metrics
from runtime.probe import KafkaProbe
from runtime.shutdown import stop_on_signals
from runtime.topics import wait_for_topics
from writer.pipeline.sink_worker import SinkWorker, WriterConfig
from writer.sinks.file_sink import reopen_on_hangup
from writer.sinks.registry import create_sink
from writer.sinks.sink import Sink

log = logging.getLogger(__name__)

_STOP_WITHIN_S: Final = 8.0
_CHECK_EVERY_S: Final = 0.2  # whether a worker has ended
_FLAG: Final = "--sink"


@click.command("writer", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.topic_flags
@flags.flag(
    _FLAG,
    multiple=True,
    required=True,
    metavar="KEY[:URI]",
    help="Sink to write to: influxdb:http://HOST:PORT?OPTION=VALUE&…, file:/PATH (line protocol; file:- is standard"
    " output), kafka:?brokers=HOST:PORT (messages of Heapster's Kafka sink), or log. May be repeated; the environment"
    " variable takes several separated by spaces. InfluxDB 1.x options and defaults: db=k8s, user=root, pw=root,"
    " retention=0 (for example 7d; 0 keeps points for ever). InfluxDB 2.x: org, token or token_file,"
    " bucket=<db>/default. Both: concurrency=1, secure=<from the scheme>, insecuressl=false. InfluxDB and file:"
    " withfields=false, cluster_name=<from the record>, tags=1.5 (1.3 writes every label),"
    " disable_counter_metrics=false, exclude_tags=labels,…. Kafka: timeseriestopic=heapster-metrics, compression=none,"
    " user, password, cacert, cert, key, insecuressl=false. Filters of every sink: metrics, types, namespaces, labels,"
    " and the same with the prefix exclude_, for example metrics=cpu/*,memory/*&exclude_namespaces=kube-*.",
)
@flags.metrics_flags
@flags.log_flags
def writer(kafka: KafkaSettings, sink: tuple[str, ...], metrics_port: int, metrics_ip: str, logs: LogSettings) -> None:
    """Write derived-metrics to the sinks, retrying until the points are accepted; refused points become dead letters.

    Several writers with the same sink share the partitions.
    """
    logs.start()
    sinks = build(sink)
    health = Health(time.monotonic)
    with serve_metrics(metrics_ip, metrics_port, health):
        sys.exit(run(WriterConfig.live(kafka), sinks, health))


def build(values: tuple[str, ...]) -> list[Sink]:
    """Create the sinks of the command line. Raises ConfigError: one is invalid, or given twice."""
    sinks: dict[str, Sink] = {}
    for value in values:
        sink = create_sink(_FLAG, value)
        if sink.name in sinks:
            raise ConfigError(f"{_FLAG}: two sinks write to {sink.name}: give each sink once")
        sinks[sink.name] = sink
    return list(sinks.values())


def run(config: WriterConfig, sinks: list[Sink], health: Health) -> int:
    """Write until SIGTERM or SIGINT; return the exit status."""
    stopped = stop_on_signals()
    reopen_on_hangup(sinks)
    if wait_for_topics(config.kafka, (config.source, config.dead_letter), stopped) is None:
        return 0
    workers = [_WorkerThread(SinkWorker(config, sink, stopped, health), sink.name) for sink in sinks]
    KafkaProbe(config.kafka, config.source.name, health, stopped)
    for worker in workers:
        worker.start()
        log.info("writing", extra={"sink": worker.name, "topic": config.source.name})
    while not stopped.wait(_CHECK_EVERY_S):
        if not all(worker.is_alive() for worker in workers):
            stopped.set()
    ends_at = time.monotonic() + _STOP_WITHIN_S
    for worker in workers:
        worker.join(max(0.0, ends_at - time.monotonic()))
    if any(worker.is_alive() for worker in workers):
        log.warning("stopped during a write; its records are not committed and will be written again")
        logging.shutdown()
        os._exit(_exit_status(workers))  # a thread that hangs in a library must not block the exit
    return _exit_status(workers)


class _WorkerThread(threading.Thread):
    """Thread of one sink's worker; `failed` if it ends with an exception."""

    def __init__(self, worker: SinkWorker, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self.failed = False
        self._worker = worker

    def run(self) -> None:
        self.failed = True
        self._worker.run()
        self.failed = False


def _exit_status(workers: list[_WorkerThread]) -> int:
    return int(any(worker.failed and not worker.is_alive() for worker in workers))


if __name__ == "__main__":
    flags.run(writer)
