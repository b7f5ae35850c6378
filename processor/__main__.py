"""`heapster-stream processor`: reads kubelet-stats, computes rates, labels and sums, writes derived-metrics."""

import logging
import os
import threading
import time
from collections.abc import Mapping
from typing import Final

import click
import faust

from processor.agents.app import build
from processor.config import ProcessorConfig, changelogs
from processor.core.labels import LabelRules, ignored_labels, stored_labels
from runtime import flags
from runtime.errors import ConfigError
from runtime.health import Health
from runtime.kafka import KafkaSettings
from runtime.logs import LogSettings
from runtime.metrics import serve_metrics
from runtime.probe import KafkaProbe
from runtime.shutdown import stop_on_signals
from runtime.topics import wait_for_topics

log = logging.getLogger(__name__)

_CHECK_INTERVAL_S: Final = 0.5
_SHUTDOWN_TIMEOUT_S: Final = 6.0


@click.command("processor", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.topic_flags
@flags.label_flags
@flags.extended_metrics
@flags.metrics_flags
@flags.log_flags
def processor(  # noqa: PLR0913 - one parameter per flag
    *,
    kafka: KafkaSettings,
    label_separator: str,
    store_label: tuple[str, ...],
    ignore_label: tuple[str, ...],
    extended_metrics: bool,
    metrics_port: int,
    metrics_ip: str,
    logs: LogSettings,
) -> None:
    """Compute rates, utilization and sums and add labels: reads kubelet-stats, writes derived-metrics.

    You can start several processors: they share the partitions. State is kept in memory and in Kafka, not on disk.
    """
    logs.start()
    rules = label_rules(label_separator, store_label, ignore_label)
    health = Health(time.monotonic)
    with serve_metrics(metrics_ip, metrics_port, health):
        run(ProcessorConfig.live(kafka, rules, extended=extended_metrics), health)


def label_rules(separator: str, store: tuple[str, ...], ignore: tuple[str, ...]) -> LabelRules:
    """Parse the values of the label flags. Raises ConfigError: names the flag and the value."""
    try:
        stored = stored_labels(store)
    except ValueError as error:
        raise ConfigError(f"--store-label: {error}") from error
    try:
        ignored = ignored_labels(ignore)
    except ValueError as error:
        raise ConfigError(f"--ignore-label: {error}") from error
    return LabelRules(separator=separator, store=stored, ignore=ignored)


def run(config: ProcessorConfig, health: Health) -> None:
    """Run one worker until SIGTERM or SIGINT; ends the process."""
    stopped = stop_on_signals()
    partitions = wait_for_topics(config.kafka, config.topics.all, stopped)
    if partitions is None or not _create_changelogs(config, partitions, stopped):
        return
    app = build(config, partitions, health)
    KafkaProbe(config.kafka, config.topics.kubelet_stats.name, health, stopped)
    threading.Thread(target=_exit_after_timeout, args=(app,), daemon=True).start()
    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, loglevel="WARNING", quiet=True)
    worker.spinner = None  # it writes terminal control characters to the log
    worker.execute_from_commandline()


def _exit_after_timeout(app: faust.App) -> None:
    """Exit the process if Faust's shutdown, after a signal or an error, takes too long.

    No data is lost: unacknowledged records are delivered again.
    """
    while not app.should_stop:
        time.sleep(_CHECK_INTERVAL_S)
    time.sleep(_SHUTDOWN_TIMEOUT_S)
    log.warning("shutdown takes too long, exiting; unfinished records will be delivered again")
    os._exit(1 if app.crashed else 0)


def _create_changelogs(config: ProcessorConfig, partitions: Mapping[str, int], stopped: threading.Event) -> bool:
    """Create the tables' changelogs with the partitions of their source topics; False if stopped meanwhile."""
    for changelog, source in changelogs(config.group, config.topics):
        count = partitions[source.name]
        found = wait_for_topics(config.kafka, [changelog], stopped, partitions=count, grow=True)
        if found is None:
            return False
        if found[changelog.name] > count:
            raise ConfigError(
                f"the topic {source.name} has {count} partitions, but its changelog {changelog.name}"
                f" has {found[changelog.name]}. If {source.name} was deleted and created again,"
                f" stop all processors and run kafka-topics.sh --bootstrap-server {config.kafka.brokers}"
                f" --delete --topic {changelog.name}"
            )
    return True


if __name__ == "__main__":
    flags.run(processor)
