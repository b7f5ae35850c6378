"""What `kubelet-stats` holds: offsets by time, times by offset."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from confluent_kafka import Consumer, KafkaException, TopicPartition

from replay.stretch import Stretch, refusal
from runtime.duration import NS_PER_MS
from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import client_settings
from schemas.codec import UndecodableError
from schemas.node_scrape import decode_scrape

log = logging.getLogger(__name__)

_TIMEOUT_S: Final = 20.0


@dataclass(frozen=True, slots=True)
class Offsets:
    """Where reading begins and ends, by partition; the end is the first offset that is not read."""

    begin: Mapping[int, int]
    end: Mapping[int, int]

    @property
    def records(self) -> int:
        """How many there are to read."""
        return sum(self.end[partition] - begin for partition, begin in self.begin.items())


class History:
    """Looks records up; consumes nothing for anybody."""

    def __init__(self, brokers: str, topic: str) -> None:
        """Of one topic."""
        settings = client_settings(brokers, "heapster-replay") | {
            "group.id": "heapster-replay",
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 50,
        }
        self._consumer = Consumer(settings, logger=log)
        self._topic = topic
        self._brokers = brokers

    def offsets(self, stretch: Stretch) -> Offsets:
        """What is to be read for a stretch.

        Raises:
            ConfigError: there is nothing to read, or not all of it any more; says what there is.
            UnavailableError: Kafka does not answer.
        """
        try:
            bounds = {partition: self._bounds(partition) for partition in self._partitions()}
            filled = {partition: bound for partition, bound in bounds.items() if bound[0] < bound[1]}
            kept = {
                partition: (self._time_ns(partition, low), self._time_ns(partition, high - 1))
                for partition, (low, high) in filled.items()
            }
            reason = refusal(stretch, kept, self._topic)
            if reason:
                raise ConfigError(reason)
            found = self._at(stretch.from_ns, bounds)
            first = {partition: offset for partition, offset in found.items() if offset < bounds[partition][1]}
            if not any(self._time_ns(partition, offset) <= stretch.to_ns for partition, offset in first.items()):
                raise ConfigError(f"no record between --from and --to: {self._topic} has a gap there")
            resolution_ns = self._resolution_ns(first)
            begin = self._at(stretch.read_from_ns(resolution_ns), bounds)
            end = self._at(stretch.read_to_ns(resolution_ns) + NS_PER_MS, bounds)
        except KafkaException as error:
            raise UnavailableError(f"Kafka at {self._brokers} does not answer: {error.args[0].str()}") from error
        return Offsets(begin, {partition: max(begin[partition], offset) for partition, offset in end.items()})

    def time_ns(self, partition: int, offset: int) -> int | None:
        """The time of a record, None if it cannot be told now."""
        try:
            return self._time_ns(partition, offset)
        except (KafkaException, UnavailableError):
            return None

    def close(self) -> None:
        """No more look-ups."""
        self._consumer.close()

    def _partitions(self) -> list[int]:
        found = self._consumer.list_topics(self._topic, timeout=_TIMEOUT_S).topics[self._topic]
        if found.error is not None:
            raise ConfigError(f"there is no topic {self._topic} at {self._brokers}: nothing has been scraped yet")
        return sorted(found.partitions)

    def _bounds(self, partition: int) -> tuple[int, int]:
        low, high = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), _TIMEOUT_S)
        return low, high

    def _at(self, time_ns: int, bounds: Mapping[int, tuple[int, int]]) -> dict[int, int]:
        """The first offset with that time or later; the partition's end if there is none."""
        asked = [TopicPartition(self._topic, partition, max(0, time_ns // NS_PER_MS)) for partition in bounds]
        found = self._consumer.offsets_for_times(asked, _TIMEOUT_S)
        return {each.partition: each.offset if each.offset >= 0 else bounds[each.partition][1] for each in found}

    def _time_ns(self, partition: int, offset: int) -> int:
        _, time_ms = self._record(partition, offset)
        return time_ms * NS_PER_MS

    def _resolution_ns(self, first: Mapping[int, int]) -> int:
        """The longest window of the first records: what belongs to a window lies within some of these."""
        found = 0
        for partition, offset in first.items():
            value, _ = self._record(partition, offset)
            try:
                found = max(found, decode_scrape(value).resolution_ns)
            except UndecodableError:
                continue
        return found

    def _record(self, partition: int, offset: int) -> tuple[bytes | None, int]:
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        message = self._consumer.poll(_TIMEOUT_S)
        self._consumer.unassign()
        if message is None:
            raise UnavailableError(f"Kafka at {self._brokers} does not hand out {self._topic}[{partition}]@{offset}")
        if message.error() is not None:
            raise KafkaException(message.error())
        value = message.value()
        return value if isinstance(value, bytes) else None, message.timestamp()[1]
