"""Configuration of a processor: Kafka, topics, label rules, and the span of a replay."""

from dataclasses import dataclass, field
from typing import Final, Self

from processor.core.labels import LabelRules
from processor.state.assignment import Span
from runtime.kafka import KafkaSettings
from schemas.topics import Topic, Topics, changelog, topics

GROUP: Final = "heapster-processor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorConfig:
    """The processor of one pipeline; all workers with the same `group` share its partitions."""

    kafka: KafkaSettings
    rules: LabelRules
    group: str  # consumer group, and prefix of the changelog topics
    topics: Topics
    span: Span = field(default_factory=Span)
    extended: bool = False  # metrics that Heapster lacks

    @classmethod
    def live(cls, kafka: KafkaSettings, rules: LabelRules, *, extended: bool = False) -> Self:
        """The configuration for the live pipeline."""
        return cls(
            kafka=kafka, rules=rules, group=kafka.prefixed(GROUP), topics=topics(kafka.prefix), extended=extended
        )


def changelogs(group: str, topics: Topics) -> tuple[tuple[Topic, Topic], ...]:
    """The changelog of each table, by Faust's naming, with the source topic whose partitions it has."""
    return (
        (changelog(f"{group}-samples-changelog"), topics.kubelet_stats),
        (changelog(f"{group}-groups-changelog"), topics.group_sums),
    )
