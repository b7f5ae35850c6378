"""`heapster-stream processor`: rates, labels and sums, from kubelet-stats to derived-metrics."""

import logging
import sys
import threading
from collections.abc import Mapping

import click
import faust

from processor.app import build
from processor.config import ProcessorConfig
from processor.labels import LabelRules
from runtime import flags
from runtime.kafka import wait_for_topics
from runtime.logs import start_logging
from runtime.stopping import stop_on_signals

log = logging.getLogger(__name__)


@click.command("processor", context_settings=flags.CONTEXT)
@flags.kafka_brokers
@flags.log_level
def processor(kafka_brokers: str, log_level: str) -> None:
    """Compute rates, utilization and sums, attach labels: kubelet-stats in, derived-metrics out.

    Start as many as you like: they share the partitions. State lives in memory and in Kafka, none on disk.
    """
    start_logging(log_level)
    config = ProcessorConfig(brokers=kafka_brokers, rules=LabelRules())
    run(config)


def run(config: ProcessorConfig) -> None:
    """Run one worker until it is told to stop; ends the process."""
    stopped = stop_on_signals()
    partitions = wait_for_topics(config.brokers, config.topics.all, stopped)
    if partitions is None or not _changelogs(config, partitions, stopped):
        return
    app, _ = build(config, partitions)
    worker = faust.Worker(app, override_logging=False, redirect_stdouts=False, loglevel="WARNING", quiet=True)
    worker.execute_from_commandline()


def _changelogs(config: ProcessorConfig, partitions: Mapping[str, int], stopped: threading.Event) -> bool:
    """Create the tables' changelogs where they are missing; False if the process is to stop before that."""
    wanted = (
        (config.samples_changelog, config.topics.kubelet_stats),
        (config.groups_changelog, config.topics.group_sums),
    )
    return all(
        wait_for_topics(config.brokers, [changelog], stopped, partitions=partitions[source.name]) is not None
        for changelog, source in wanted
    )


if __name__ == "__main__":
    sys.exit(processor())
