"""What a processor is told: Kafka, topics, labels, and in a replay the stretch it is of."""

from dataclasses import dataclass, field
from typing import Final, Self

from processor.core.labels import LabelRules
from processor.state.assignment import Span
from runtime.kafka import KafkaSettings
from schemas.topics import Topic, Topics, changelog, topics

GROUP: Final = "heapster-processor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorConfig:
    """One pipeline's processor; every worker with the same `group` shares its partitions."""

    kafka: KafkaSettings
    rules: LabelRules
    group: str  # consumer group, and prefix of the changelogs
    topics: Topics
    span: Span = field(default_factory=Span)
    extended: bool = False  # more metrics than Heapster had

    @classmethod
    def live(cls, kafka: KafkaSettings, rules: LabelRules, *, extended: bool = False) -> Self:
        """That of the live pipeline."""
        return cls(kafka=kafka, rules=rules, group=kafka.named(GROUP), topics=topics(kafka.prefix), extended=extended)


def changelogs(group: str, topics: Topics) -> tuple[tuple[Topic, Topic], ...]:
    """Of the tables `samples` and `groups`: the changelog, named as Faust does, and the topic it is partitioned as."""
    return (
        (changelog(f"{group}-samples-changelog"), topics.kubelet_stats),
        (changelog(f"{group}-groups-changelog"), topics.group_sums),
    )
