"""Flags that several services have: one name, default and help each."""

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
    """Kafka's flags, handed to the command together as `kafka: KafkaSettings`."""

    @_kafka_brokers
    @_kafka_config
    @_topic_prefix
    @wraps(command)
    def given(*, kafka_brokers: str, kafka_config: tuple[str, ...], topic_prefix: str, **others: object) -> object:
        kafka = KafkaSettings(kafka_brokers, kafka_properties(kafka_config), topic_prefix)
        kafka.check()
        return command(kafka=kafka, **others)

    return cast("Command", given)


def topic_flags(command: Command) -> Command:
    """`--partitions` and `--replication-factor`, added to `kafka`: below `kafka_flags`."""

    @_partitions
    @_replication_factor
    @wraps(command)
    def given(*, kafka: KafkaSettings, partitions: int, replication_factor: int | None, **others: object) -> object:
        topics = replace(kafka, partitions=partitions, replication_factor=replication_factor or -1)
        return command(kafka=topics, **others)

    return cast("Command", given)


_kafka_brokers: Final = flag(
    "--kafka-brokers", type=Brokers(), required=True, help="Kafka brokers to start from, HOST:PORT separated by commas."
)
_kafka_config: Final = flag(
    FLAG,
    type=LineSeparated(),
    multiple=True,
    metavar="FILE|KEY=VALUE",
    help="Property of every Kafka client, as security.protocol=SASL_SSL, or a file with one a line; repeatable. In the"
    " environment variable one a line.",
)
_topic_prefix: Final = flag(
    "--topic-prefix",
    type=TopicPrefix(),
    default="",
    help="What the names of this pipeline's topics and consumer groups begin with, where several share a Kafka.",
)
_partitions: Final = flag(
    "--partitions",
    type=WholeNumber(min=1, max=10_000),
    default=DEFAULT_PARTITIONS,
    help="Partitions of a topic that is created: as many workers of one kind can share the work.",
)
_replication_factor: Final = flag(
    "--replication-factor",
    type=WholeNumber(min=1, max=100),
    help="Copies of a topic that is created, on different brokers; the brokers' own default if not given.",
    show_default="the brokers' default",
)


def log_flags(command: Command) -> Command:
    """`--log-level` and `--log-format`, handed to the command together as `logs: LogSettings`."""

    @_log_level
    @_log_format
    @wraps(command)
    def given(*, log_level: str, log_format: LogFormat | None, **others: object) -> object:
        return command(logs=LogSettings(log_level, log_format), **others)

    return cast("Command", given)


_log_format: Final = flag(
    "--log-format",
    type=click.Choice(LOG_FORMATS, case_sensitive=False),
    show_default="text at a terminal, json elsewhere",
    help="Form of the log: a JSON object a line, or a line for people.",
)
_log_level: Final = flag(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"], case_sensitive=False),
    default=DEFAULT_LEVEL,
    help="How much is logged.",
)


def metrics_flags(command: Command) -> Command:
    """`--metrics-port` and `--metrics-ip`: where a service's figures about itself are served."""
    return metrics_ip(_metrics_port(command))


_metrics_port: Final = flag(
    "--metrics-port",
    type=WholeNumber(0, 65535),
    default=0,
    help="Port of /metrics (Prometheus), /healthz and /readyz of this service; 0 is any free one, told in the log.",
)
metrics_ip: Final = flag(
    "--metrics-ip", default="127.0.0.1", help="Address that metrics are served on; 0.0.0.0 is every one."
)


def label_flags(command: Command) -> Command:
    """`--label-separator`, `--store-label` and `--ignore-label`: what becomes of Kubernetes labels."""
    for decorate in (_ignore_label, _store_label, _label_separator):
        command = decorate(command)
    return command


_label_separator: Final = flag(
    "--label-separator", default=",", help="Text between the labels of a pod or node in the label `labels`."
)
_store_label: Final = flag(
    "--store-label",
    multiple=True,
    metavar="[NEW=]NAME",
    help="Kubernetes label that also becomes a label of its own, under its name or as NEW; repeatable, or with commas.",
)
_ignore_label: Final = flag(
    "--ignore-label",
    multiple=True,
    metavar="NAME",
    help="Kubernetes label that is left out of `labels`; repeatable, or with commas.",
)


extended_metrics: Final = flag(
    "--extended-metrics",
    is_flag=True,
    help="Also derive what Heapster did not have: swap, pressure, processes, interfaces, workloads and their sums,"
    " shares of requests and limits, and how each scrape went. Heapster's metrics stay as they are.",
)
