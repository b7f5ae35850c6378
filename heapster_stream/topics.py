"""`heapster-stream topics`: create the topics with chosen settings, before a service creates them."""

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
    help="Retention of kubelet-stats, such as 30d, 12h or INF for no limit; limits how far back a replay can go.",
)
@flags.flag("--derived-metrics-retention", default="7d", help="Retention of derived-metrics, such as 7d, 12h or INF.")
@flags.log_flags
def topics(
    kafka: KafkaSettings,
    kubelet_stats_retention: str,
    derived_metrics_retention: str,
    logs: LogSettings,
) -> None:
    """Create missing topics, including the changelogs of the processor; existing topics are not changed.

    Services also create them at start-up, with these defaults. If they are not allowed to, run this command first.
    """
    logs.with_default_level("critical").start()  # errors are raised and printed
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
        for difference in _differences(kafka, topic, before[topic.name]) if topic.name in before else ():
            click.echo(f"  {difference}")
    for changelog, source in changelogs(kafka.prefixed(GROUP), live):
        count = found[source.name]
        created = ensure_topics(kafka, [changelog], partitions=count, grow=True)
        click.echo(_line(changelog.name, created[changelog.name], count))


def _line(name: str, found: int, wanted: int) -> str:
    unchanged = "" if found == wanted else f" (not {wanted}: the topic already existed)"
    return f"{name}: {found} partitions{unchanged}"


def _differences(kafka: KafkaSettings, topic: Topic, found: TopicDescription) -> Iterator[str]:
    """Yield settings of an existing topic that differ from the flags, with the command to change them."""
    retention_ms = found.settings.get("retention.ms")
    if retention_ms is not None and retention_ms != str(topic.retention_ms):
        yield (
            f"unchanged: retention.ms={retention_ms}, not {topic.retention_ms}. To change it: kafka-configs.sh"
            f" --bootstrap-server {kafka.brokers} --alter --entity-type topics --entity-name {topic.name}"
            f" --add-config retention.ms={topic.retention_ms}"
        )
    if kafka.replication_factor not in {-1, found.replication_factor}:
        yield (
            f"unchanged: replication factor {found.replication_factor}, not {kafka.replication_factor}. To change it:"
            " kafka-reassign-partitions.sh"
        )


def _retention_ms(flag: str, text: str) -> int:
    try:
        return influx_duration_ns(text) // NS_PER_MS or -1
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}") from error
