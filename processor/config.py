"""What a processor is told: Kafka, topics, labels, and in a replay the stretch it is of."""

from dataclasses import dataclass, field
from typing import Final

from processor.assignment import Span
from processor.labels import LabelRules
from runtime.kafka import KafkaSettings
from schemas.topics import Topic, Topics, changelog, topics

GROUP: Final = "heapster-processor"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorConfig:
    """One pipeline's processor; every worker with the same `group` shares its partitions."""

    kafka: KafkaSettings
    rules: LabelRules
    group: str = GROUP  # consumer group, and prefix of the changelogs
    topics: Topics = field(default_factory=topics)
    span: Span = field(default_factory=Span)
    extended: bool = False  # more metrics than Heapster had

    @property
    def samples_changelog(self) -> Topic:
        """Changelog of the table `samples`, partitioned as `kubelet-stats`; named as Faust does."""
        return changelog(f"{self.group}-samples-changelog")

    @property
    def groups_changelog(self) -> Topic:
        """Changelog of the table `groups`, partitioned as `group-sums`."""
        return changelog(f"{self.group}-groups-changelog")
