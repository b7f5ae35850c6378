"""Every topic: its name, cleanup and retention. No other place names one."""

from dataclasses import dataclass
from typing import Final, Literal

DEFAULT_PARTITIONS: Final = 12
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024  # a node of 250 pods answers about 1.5 MB, derived records are smaller
_DAY_MS: Final = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A topic as it is created; `retention_ms` -1 keeps for ever."""

    name: str
    retention_ms: int
    cleanup: Literal["delete", "compact"] = "delete"


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


def topics() -> Topics:
    """The live pipeline's topics."""
    return Topics(
        kubelet_stats=Topic(name="kubelet-stats", retention_ms=30 * _DAY_MS),
        group_sums=Topic(name="group-sums", retention_ms=_DAY_MS),
        derived_metrics=Topic(name="derived-metrics", retention_ms=7 * _DAY_MS),
        kubelet_stats_dead_letter=Topic(name="kubelet-stats-dead-letter", retention_ms=30 * _DAY_MS),
        derived_metrics_dead_letter=Topic(name="derived-metrics-dead-letter", retention_ms=30 * _DAY_MS),
    )
