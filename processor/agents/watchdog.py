"""Notices a worker that has stopped without saying so: records wait and nothing moves, or a rebalance never ends."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

LOOK_EVERY_S: Final = 5.0
STALLED_AFTER_S: Final = 60.0
UNSETTLED_AFTER_S: Final = 600.0
"""A recovery of large tables takes its time, but not so much."""

_ASLEEP_AFTER_S: Final = 3 * LOOK_EVERY_S

TopicPartition: TypeAlias = tuple[str, int]
"""Topic and partition."""


@dataclass(frozen=True, slots=True)
class _Seen:
    position: int
    since_s: float


class Watchdog:
    """Told now and then how things stand; tells what has stood still for too long. Times are a monotonic clock's."""

    def __init__(self) -> None:
        """Nothing seen so far."""
        self._seen: dict[TopicPartition, _Seen] = {}
        self._settled_s: float | None = None
        self._looked_s: float | None = None

    def stuck(self, positions: Mapping[TopicPartition, tuple[int, int]], now_s: float) -> str:
        """What has stopped, in words; empty: all is well, or it has not been so for long.

        `positions`: of each partition that is this worker's the next offset and the end; a partition that is missing
        or read to its end starts afresh. So does everything after a sleep of the process.
        """
        self._wake(now_s)
        self._settled_s = now_s
        self._seen = {
            topic_partition: self._since(topic_partition, position, now_s)
            for topic_partition, (position, end) in positions.items()
            if position < end
        }
        still = [
            topic_partition
            for topic_partition, seen in sorted(self._seen.items())
            if now_s - seen.since_s >= STALLED_AFTER_S
        ]
        return (
            f"records wait and are not read: {', '.join(f'{topic}/{number}' for topic, number in still)}"
            if still
            else ""
        )

    def unsettled(self, now_s: float) -> str:
        """The same while a rebalance or recovery is under way: there are no positions then."""
        self._wake(now_s)
        self._seen = {}
        if self._settled_s is None:
            self._settled_s = now_s
        if now_s - self._settled_s < UNSETTLED_AFTER_S:
            return ""
        return f"a rebalance or the recovery of the tables has not ended for {UNSETTLED_AFTER_S:g} s"

    def _wake(self, now_s: float) -> None:
        if self._looked_s is not None and now_s - self._looked_s > _ASLEEP_AFTER_S:
            self._seen, self._settled_s = {}, None
        self._looked_s = now_s

    def _since(self, topic_partition: TopicPartition, position: int, now_s: float) -> _Seen:
        seen = self._seen.get(topic_partition)
        return seen if seen is not None and seen.position == position else _Seen(position, now_s)
