"""Names and settings of all topics."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

DEFAULT_PARTITIONS: Final = 12
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024  # a node with 250 pods has about 1.5 MB, derived records are smaller
_MINUTE_MS: Final = 60 * 1000
_DAY_MS: Final = 24 * 60 * _MINUTE_MS
_MINIMUMS: Final = ("max.message.bytes", "message.timestamp.after.max.ms", "min.compaction.lag.ms")
"""Settings that may be higher than our values, but not lower."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Name and settings of a topic; `retention_ms` -1 means no limit, `settings` are additional Kafka settings."""

    name: str
    retention_ms: int
    cleanup: Literal["delete", "compact"] = "delete"
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_settings(self) -> Mapping[str, str]:
        """All settings to create the topic with, under Kafka's names."""
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(MAX_RECORD_BYTES),
            # do not refuse records of a scraper whose clock is ahead; a warning is logged instead
            "message.timestamp.after.max.ms": str(2**63 - 1),
            **self.settings,
        }

    def wrong_settings(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """The settings to change in an existing topic with the settings `found`, with the required values.

        Only settings with which records would be lost or refused; others, such as retention, are up to the operator.
        """
        needed = self.all_settings
        wrong = {
            name for name in _MINIMUMS if name in needed and int(found.get(name, needed[name])) < int(needed[name])
        }
        if found.get("cleanup.policy") != self.cleanup:
            wrong.add("cleanup.policy")
        time = "message.timestamp.type"
        if time in needed and found.get(time) != needed[time] and found.get("retention.ms") != "-1":
            wrong.add(time)
        return {name: needed[name] for name in sorted(wrong)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """The topics of the live pipeline or of a replay.

    A replay reads the live `kubelet-stats` and writes to topics of its own, which have a suffix.
    """

    kubelet_stats: Topic
    group_sums: Topic
    derived_metrics: Topic
    kubelet_stats_dead_letter: Topic
    derived_metrics_dead_letter: Topic

    @property
    def all(self) -> tuple[Topic, ...]:
        """All topics."""
        return (
            self.kubelet_stats,
            self.group_sums,
            self.derived_metrics,
            self.kubelet_stats_dead_letter,
            self.derived_metrics_dead_letter,
        )


def changelog(name: str) -> Topic:
    """The changelog of a table: a compacted topic, which keeps the last value of each row."""
    return Topic(
        name=name,
        retention_ms=-1,
        cleanup="compact",
        settings={
            # small segments are compacted earlier: a worker that takes over a partition reads less
            "segment.ms": str(10 * _MINUTE_MS),
            "segment.bytes": str(16 * 1024 * 1024),
            # delay compaction: it keeps the record written last, which may be a late write of a lower offset
            "min.compaction.lag.ms": str(10 * _MINUTE_MS),
            "delete.retention.ms": str(10 * _MINUTE_MS),
        },
    )


def topics(prefix: str = "") -> Topics:
    """The topics of the live pipeline; `prefix` distinguishes several pipelines on one Kafka."""
    return Topics(
        kubelet_stats=Topic(name=f"{prefix}kubelet-stats", retention_ms=30 * _DAY_MS),
        # retention by time of writing: a processor that catches up with old windows needs the totals it writes
        group_sums=Topic(
            name=f"{prefix}group-sums", retention_ms=_DAY_MS, settings={"message.timestamp.type": "LogAppendTime"}
        ),
        derived_metrics=Topic(name=f"{prefix}derived-metrics", retention_ms=7 * _DAY_MS),
        kubelet_stats_dead_letter=Topic(name=f"{prefix}kubelet-stats-dead-letter", retention_ms=30 * _DAY_MS),
        derived_metrics_dead_letter=Topic(name=f"{prefix}derived-metrics-dead-letter", retention_ms=30 * _DAY_MS),
    )


def replay_topics(suffix: str, prefix: str = "") -> Topics:
    """The topics of a replay: the live `kubelet-stats`, and the others with a suffix.

    They have no time limit: record timestamps are the ends of windows, which may be older than any retention.
    """
    live = topics(prefix)

    def with_suffix(topic: Topic) -> Topic:
        return replace(topic, name=topic.name + suffix, retention_ms=-1)

    return Topics(
        kubelet_stats=live.kubelet_stats,
        group_sums=with_suffix(live.group_sums),
        derived_metrics=with_suffix(live.derived_metrics),
        kubelet_stats_dead_letter=with_suffix(live.kubelet_stats_dead_letter),
        derived_metrics_dead_letter=with_suffix(live.derived_metrics_dead_letter),
    )
