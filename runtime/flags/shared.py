"""Flags that several services share, with one name, default and help text each."""

from dataclasses import replace
from functools import wraps
from typing import Final, cast

import click

from runtime.flags.option import Command, flag
from runtime.flags.types import Brokers, LineSeparated, TopicPrefix, WholeNumber
from runtime.kafka import KafkaSettings
from runtime.kafka_properties import FLAG, kafka_properties
from runtime.logs import DEFAULT_LEVEL, LOG_FORMATS, LogFormat, LogSettings
from schemas.topics import DEFAULT_PARTITIONS


def kafka_flags(command: Command) -> Command:
    """Add the Kafka flags; the command gets them as `kafka: KafkaSettings`."""

    @_kafka_brokers
    @_kafka_config
    @_topic_prefix
    @wraps(command)
    def wrapper(*, kafka_brokers: str, kafka_config: tuple[str, ...], topic_prefix: str, **others: object) -> object:
        kafka = KafkaSettings(kafka_brokers, kafka_properties(kafka_config), topic_prefix)
        kafka.check()
        return command(kafka=kafka, **others)

    return cast("Command", wrapper)


def topic_flags(command: Command) -> Command:
    """Add `--partitions` and `--replication-factor` and set them in `kafka`; use it below `kafka_flags`."""

    @_partitions
    @_replication_factor
    @wraps(command)
    def wrapper(*, kafka: KafkaSettings, partitions: int, replication_factor: int | None, **others: object) -> object:
        topics = replace(kafka, partitions=partitions, replication_factor=replication_factor or -1)
        return command(kafka=topics, **others)

    return cast("Command", wrapper)


_kafka_brokers: Final = flag(
    "--kafka-brokers", type=Brokers(), required=True, help="Kafka bootstrap servers, HOST:PORT separated by commas."
)
_kafka_config: Final = flag(
    FLAG,
    type=LineSeparated(),
    multiple=True,
    metavar="FILE|KEY=VALUE",
    help="Property of every Kafka client, such as security.protocol=SASL_SSL, or a file with one property per line;"
    " repeatable. The environment variable takes one value per line.",
)
_topic_prefix: Final = flag(
    "--topic-prefix",
    type=TopicPrefix(),
    default="",
    help="Prefix of the names of all topics and consumer groups, for several pipelines on one Kafka.",
)
_partitions: Final = flag(
    "--partitions",
    type=WholeNumber(min=1, max=10_000),
    default=DEFAULT_PARTITIONS,
    help="Number of partitions of new topics, which limits how many workers of one kind can share the work.",
)
_replication_factor: Final = flag(
    "--replication-factor",
    type=WholeNumber(min=1, max=100),
    help="Replication factor of new topics: the number of brokers that keep a copy.",
    show_default="the brokers' default",
)


def log_flags(command: Command) -> Command:
    """Add `--log-level` and `--log-format`; the command gets them as `logs: LogSettings`."""

    @_log_level
    @_log_format
    @wraps(command)
    def wrapper(*, log_level: str, log_format: LogFormat | None, **others: object) -> object:
        return command(logs=LogSettings(log_level, log_format), **others)

    return cast("Command", wrapper)


_log_format: Final = flag(
    "--log-format",
    type=click.Choice(LOG_FORMATS, case_sensitive=False),
    show_default="text on a terminal, json otherwise",
    help="Format of the log: one JSON object per line, or text for people.",
)
_log_level: Final = flag(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default=DEFAULT_LEVEL,
    help="Lowest level of messages that are logged.",
)


def metrics_flags(command: Command) -> Command:
    """Add `--metrics-port` and `--metrics-ip`, the address of the service's own metrics and health checks."""
    return metrics_ip(_metrics_port(command))


_metrics_port: Final = flag(
    "--metrics-port",
    type=WholeNumber(0, 65535),
    default=0,
    help="Port of /metrics (Prometheus), /healthz and /readyz of this service; 0 is any free port, which is logged.",
)
metrics_ip: Final = flag(
    "--metrics-ip", default="127.0.0.1", help="IP address to serve metrics on; 0.0.0.0 is all addresses."
)


def label_flags(command: Command) -> Command:
    """Add `--label-separator`, `--store-label` and `--ignore-label`, the rules for Kubernetes labels."""
    for decorate in (_ignore_label, _store_label, _label_separator):
        command = decorate(command)
    return command


_label_separator: Final = flag(
    "--label-separator", default=",", help="Separator between the Kubernetes labels in the label `labels`."
)
_store_label: Final = flag(
    "--store-label",
    multiple=True,
    metavar="[NEW=]NAME",
    help="Kubernetes label to store as a label of its own, as NAME or as NEW; repeatable or comma-separated.",
)
_ignore_label: Final = flag(
    "--ignore-label",
    multiple=True,
    metavar="NAME",
    help="Kubernetes label to leave out of the label `labels`; repeatable or comma-separated.",
)


extended_metrics: Final = flag(
    "--extended-metrics",
    is_flag=True,
    help="Also compute metrics that Heapster did not have: swap, pressure, processes, network interfaces, sums per"
    " workload, utilization of requests and limits, and scrape results. Heapster's metrics do not change.",
)
