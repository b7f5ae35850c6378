"""Every topic: its name, cleanup and retention. No other place names one."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Literal

DEFAULT_PARTITIONS: Final = 12
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024  # a node of 250 pods answers about 1.5 MB, derived records are smaller
_MINUTE_MS: Final = 60 * 1000
_DAY_MS: Final = 24 * 60 * _MINUTE_MS
_LEAST: Final = ("max.message.bytes", "message.timestamp.after.max.ms", "min.compaction.lag.ms")
"""Settings that may be greater than needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as it is created; `retention_ms` -1 keeps for ever, `settings` are further ones of Kafka's."""

    name: str
    retention_ms: int
    cleanup: Literal["delete", "compact"] = "delete"
    settings: Mapping[str, str] = field(default_factory=dict)

    @property
    def all_settings(self) -> Mapping[str, str]:
        """All of its settings, as Kafka names them."""
        return {
            "cleanup.policy": self.cleanup,
            "retention.ms": str(self.retention_ms),
            "max.message.bytes": str(MAX_RECORD_BYTES),
            # a clock that is ahead is warned about, its records are not lost
            "message.timestamp.after.max.ms": str(2**63 - 1),
            **self.settings,
        }

    def wrong_settings(self, found: Mapping[str, str]) -> Mapping[str, str]:
        """Of an existing topic with the settings `found`: those that must be otherwise, as they are to be.

        Only what would lose or refuse records; retention, segments and the like are whoever's runs the Kafka.
        """
        needed = self.all_settings
        wrong = {name for name in _LEAST if name in needed and int(found.get(name, needed[name])) < int(needed[name])}
        if found.get("cleanup.policy") != self.cleanup:
            wrong.add("cleanup.policy")
        kept_by = "message.timestamp.type"
        if kept_by in needed and found.get(kept_by) != needed[kept_by] and found.get("retention.ms") != "-1":
            wrong.add(kept_by)
        return {name: needed[name] for name in sorted(wrong)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """The topics of one pipeline: the live one, or a replay under a suffix.

    A replay reads the live `kubelet-stats` and writes topics of its own.
    """

    kubelet_stats: Topic
    group_sums: Topic
    derived_metrics: Topic
    kubelet_stats_dead_letter: Topic
    derived_metrics_dead_letter: Topic

    @property
    def all(self) -> tuple[Topic, ...]:
        """Every one of them."""
        return (
            self.kubelet_stats,
            self.group_sums,
            self.derived_metrics,
            self.kubelet_stats_dead_letter,
            self.derived_metrics_dead_letter,
        )


def changelog(name: str) -> Topic:
    """A table's changelog: the last value of each row is kept."""
    return Topic(
        name=name,
        retention_ms=-1,
        cleanup="compact",
        settings={
            # small segments, compacted soon: a worker that takes over reads less
            "segment.ms": str(10 * _MINUTE_MS),
            "segment.bytes": str(16 * 1024 * 1024),
            # not at once: compaction keeps what was written last, which may be a late write of a lower offset
            "min.compaction.lag.ms": str(10 * _MINUTE_MS),
            "delete.retention.ms": str(10 * _MINUTE_MS),
        },
    )


def topics(prefix: str = "") -> Topics:
    """The live pipeline's topics; `prefix` tells the pipelines on one Kafka apart."""
    return Topics(
        kubelet_stats=Topic(name=f"{prefix}kubelet-stats", retention_ms=30 * _DAY_MS),
        # kept by when it was written: a processor that catches up with older windows must find its own totals
        group_sums=Topic(
            name=f"{prefix}group-sums", retention_ms=_DAY_MS, settings={"message.timestamp.type": "LogAppendTime"}
        ),
        derived_metrics=Topic(name=f"{prefix}derived-metrics", retention_ms=7 * _DAY_MS),
        kubelet_stats_dead_letter=Topic(name=f"{prefix}kubelet-stats-dead-letter", retention_ms=30 * _DAY_MS),
        derived_metrics_dead_letter=Topic(name=f"{prefix}derived-metrics-dead-letter", retention_ms=30 * _DAY_MS),
    )


def replay_topics(suffix: str, prefix: str = "") -> Topics:
    """A replay's topics: the live `kubelet-stats`, the others under a suffix.

    Records carry the time of their windows, which may be long past: nothing of a replay is deleted by age.
    """
    live = topics(prefix)

    def under_suffix(topic: Topic) -> Topic:
        return replace(topic, name=topic.name + suffix, retention_ms=-1)

    return Topics(
        kubelet_stats=live.kubelet_stats,
        group_sums=under_suffix(live.group_sums),
        derived_metrics=under_suffix(live.derived_metrics),
        kubelet_stats_dead_letter=under_suffix(live.kubelet_stats_dead_letter),
        derived_metrics_dead_letter=under_suffix(live.derived_metrics_dead_letter),
    )
