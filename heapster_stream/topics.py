"""`heapster-stream topics`: creates the topics with the settings of your choice, before any service does."""

from dataclasses import replace

import click

from runtime import flags
from runtime.duration import NS_PER_MS, influx_duration_ns
from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import KafkaSettings, ensure_topics
from runtime.logs import start_logging
from schemas import topics as catalogue
from schemas.topics import DEFAULT_PARTITIONS, Topic


@click.command("topics", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.flag(
    "--partitions",
    type=click.IntRange(min=1, max=10_000),
    default=DEFAULT_PARTITIONS,
    help="Partitions of each topic: as many workers of one kind can share the work.",
)
@flags.flag(
    "--replication-factor",
    type=click.IntRange(min=1, max=100),
    help="Copies of each topic on different brokers; the brokers' own default if not given.",
    show_default="the brokers' default",
)
@flags.flag(
    "--kubelet-stats-retention",
    default="30d",
    help="How long raw statistics are kept, as 30d, 12h or INF for ever: as far back can be replayed.",
)
@flags.flag("--derived-metrics-retention", default="7d", help="How long computed metrics are kept, as 7d, 12h or INF.")
@flags.log_level
def topics(
    kafka: KafkaSettings,
    partitions: int,
    replication_factor: int | None,
    kubelet_stats_retention: str,
    derived_metrics_retention: str,
    log_level: str,
) -> None:
    """Create the topics that are missing; existing ones stay as they are.

    The services do the same at start, with these defaults.
    """
    start_logging(log_level)
    raw_ms = _retention_ms("--kubelet-stats-retention", kubelet_stats_retention)
    derived_ms = _retention_ms("--derived-metrics-retention", derived_metrics_retention)
    live = catalogue.topics()
    wanted = replace(
        live,
        kubelet_stats=replace(live.kubelet_stats, retention_ms=raw_ms),
        derived_metrics=replace(live.derived_metrics, retention_ms=derived_ms),
    ).all
    try:
        found = ensure_topics(kafka, wanted, partitions=partitions, replication_factor=replication_factor or -1)
    except UnavailableError as error:
        raise click.ClickException(str(error)) from error
    for topic in wanted:
        click.echo(_line(topic, found[topic.name], partitions))


def _line(topic: Topic, found: int, asked: int) -> str:
    kept = "" if found == asked else f" (asked for {asked}: it was there before)"
    return f"{topic.name}: {found} partitions{kept}"


def _retention_ms(flag: str, text: str) -> int:
    try:
        return influx_duration_ns(text) // NS_PER_MS or -1
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}") from error
