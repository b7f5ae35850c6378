"""`heapster-stream topics`: creates the topics with the settings of your choice, before any service does."""

from collections.abc import Iterator
from dataclasses import replace

import click

from processor.config import GROUP, changelogs
from runtime import flags
from runtime.duration import NS_PER_MS, influx_duration_ns
from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings
from runtime.logs import LogSettings
from runtime.topics import TopicDescription, describe_topics, ensure_topics
from schemas import topics as catalogue
from schemas.topics import Topic


@click.command("topics", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.topic_flags
@flags.flag(
    "--kubelet-stats-retention",
    default="30d",
    help="How long raw statistics are kept, as 30d, 12h or INF for ever: as far back can be replayed.",
)
@flags.flag("--derived-metrics-retention", default="7d", help="How long computed metrics are kept, as 7d, 12h or INF.")
@flags.log_flags
def topics(
    kafka: KafkaSettings,
    kubelet_stats_retention: str,
    derived_metrics_retention: str,
    logs: LogSettings,
) -> None:
    """Create the topics that are missing, those of the processor's tables too; existing ones stay as they are.

    The services do the same at start, with these defaults. Where only this command may create topics, run it first.
    """
    logs.with_default_level("critical").start()  # what fails is raised
    raw_ms = _retention_ms("--kubelet-stats-retention", kubelet_stats_retention)
    derived_ms = _retention_ms("--derived-metrics-retention", derived_metrics_retention)
    live = catalogue.topics(kafka.prefix)
    wanted = replace(
        live,
        kubelet_stats=replace(live.kubelet_stats, retention_ms=raw_ms),
        derived_metrics=replace(live.derived_metrics, retention_ms=derived_ms),
    ).all
    before = describe_topics(kafka, wanted)
    found = ensure_topics(kafka, wanted)
    for topic in wanted:
        click.echo(_line(topic.name, found[topic.name], kafka.partitions))
        for difference in _kept(kafka, topic, before[topic.name]) if topic.name in before else ():
            click.echo(f"  {difference}")
    for changelog, source in changelogs(kafka.prefixed(GROUP), live):
        count = found[source.name]
        of_table = ensure_topics(kafka, [changelog], partitions=count, grow=True)
        click.echo(_line(changelog.name, of_table[changelog.name], count))


def _line(name: str, found: int, asked: int) -> str:
    kept = "" if found == asked else f" (asked for {asked}: it was there before)"
    return f"{name}: {found} partitions{kept}"


def _kept(kafka: KafkaSettings, topic: Topic, found: TopicDescription) -> Iterator[str]:
    """What stays as it was, unlike what was asked for, and how it is changed."""
    retention_ms = found.settings.get("retention.ms")
    if retention_ms is not None and retention_ms != str(topic.retention_ms):
        yield (
            f"kept: retention.ms={retention_ms}, not {topic.retention_ms}. To change it: kafka-configs.sh"
            f" --bootstrap-server {kafka.brokers} --alter --entity-type topics --entity-name {topic.name}"
            f" --add-config retention.ms={topic.retention_ms}"
        )
    if kafka.replication_factor not in {-1, found.replication_factor}:
        yield (
            f"kept: replication factor {found.replication_factor}, not {kafka.replication_factor}. To change it:"
            " kafka-reassign-partitions.sh"
        )


def _retention_ms(flag: str, text: str) -> int:
    try:
        return influx_duration_ns(text) // NS_PER_MS or -1
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}") from error
