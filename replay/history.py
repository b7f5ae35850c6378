"""What `kubelet-stats` holds: offsets by time, times by offset."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Message

from replay.time_range import RetainedRange, TimeRange, newest_truncated_ns, rejection, time_text
from runtime.duration import NS_PER_MS
from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader
from schemas.codec import UndecodableError
from schemas.node_scrape import decode_scrape

log = logging.getLogger(__name__)


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

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        """Of one topic."""
        self._reader = TopicReader(kafka, "heapster-replay")
        self._topic = topic
        self._brokers = kafka.brokers

    def offsets(self, time_range: TimeRange) -> Offsets:
        """What is to be read for a stretch.

        Raises:
            ConfigError: there is nothing to read, or not all of it any more; says what there is.
            UnavailableError: Kafka does not answer.
        """
        bounds = self._reader.bounds(self._topic)
        if not bounds:
            raise ConfigError(f"there is no topic {self._topic} at {self._brokers}: nothing has been scraped yet")
        kept = [
            RetainedRange(self._time_ns(partition, low), self._time_ns(partition, high - 1), truncated=low > 0)
            for partition, (low, high) in bounds.items()
            if low < high
        ]
        reason = rejection(time_range, kept, self._topic)
        if reason:
            raise ConfigError(reason)
        emptied = [partition for partition, (low, high) in bounds.items() if low == high > 0]
        if emptied:
            log.warning(
                "all records of some partitions have been deleted: nothing of their nodes is replayed",
                extra={"partitions": emptied},
            )
        found = self._reader.offsets_at(self._topic, time_range.from_ns, bounds)
        first = {partition: offset for partition, offset in found.items() if offset < bounds[partition][1]}
        if not any(self._time_ns(partition, offset) <= time_range.to_ns for partition, offset in first.items()):
            raise ConfigError(f"no record between --from and --to: {self._topic} has a gap there")
        resolution_ns = self._resolution_ns(time_range, bounds)
        read_from_ns = time_range.read_from_ns(resolution_ns)
        partly = newest_truncated_ns(kept)
        if partly is not None and partly >= read_from_ns:
            log.warning(
                "windows just before --from have been deleted: its first windows may lack rates that they had",
                extra={"deleted_to": time_text(partly), "needed_from": time_text(read_from_ns)},
            )
        begin = self._reader.offsets_at(self._topic, read_from_ns, bounds)
        end = self._reader.offsets_at(self._topic, time_range.read_to_ns(resolution_ns) + NS_PER_MS, bounds)
        return Offsets(begin, {partition: max(begin[partition], offset) for partition, offset in end.items()})

    def time_ns(self, partition: int, offset: int) -> int | None:
        """The time of a record, None if it cannot be told now."""
        try:
            return self._time_ns(partition, offset)
        except UnavailableError:
            return None

    def newest_ns(self, offsets: Offsets) -> int | None:
        """The time of the newest of those records, None if it cannot be told now."""
        times = (self.time_ns(each, end - 1) for each, end in offsets.end.items() if end > offsets.begin[each])
        return max((found for found in times if found is not None), default=None)

    def close(self) -> None:
        """No more look-ups."""
        self._reader.close()

    def _time_ns(self, partition: int, offset: int) -> int:
        return self._record(partition, offset).timestamp()[1] * NS_PER_MS

    def _resolution_ns(self, time_range: TimeRange, bounds: Mapping[int, tuple[int, int]]) -> int:
        """The longest window of the records around both ends: what a window there needs lies within some of these."""
        found = 0
        for time_ns in (time_range.from_ns, time_range.to_ns):
            for partition, offset in self._reader.offsets_at(self._topic, time_ns, bounds).items():
                low, high = bounds[partition]
                for each in range(max(low, offset - 1), min(high, offset + 1)):
                    found = max(found, self._window_ns(partition, each))
        return found

    def _window_ns(self, partition: int, offset: int) -> int:
        try:
            return decode_scrape(self._record(partition, offset).value()).resolution_ns
        except UndecodableError:
            return 0

    def _record(self, partition: int, offset: int) -> Message:
        (record,) = self._reader.records(self._topic, partition, offset, offset + 1)
        return record
