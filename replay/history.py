"""Look up records of `kubelet-stats`: offsets by time, times by offset."""

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
    """First offset (inclusive) and end offset (exclusive) to read, by partition."""

    begin: Mapping[int, int]
    end: Mapping[int, int]

    @property
    def records(self) -> int:
        """Number of records to read."""
        return sum(self.end[partition] - begin for partition, begin in self.begin.items())


class History:
    """Looks up records of a topic without a consumer group."""

    def __init__(self, kafka: KafkaSettings, topic: str) -> None:
        """Create the client without a request."""
        self._reader = TopicReader(kafka, "heapster-replay")
        self._topic = topic
        self._brokers = kafka.brokers

    def offsets(self, time_range: TimeRange) -> Offsets:
        """The offsets to read for a time range.

        Raises:
            ConfigError: records of the time range are missing; the message says which are available.
            UnavailableError: Kafka does not answer.
        """
        bounds = self._reader.bounds(self._topic)
        if not bounds:
            raise ConfigError(f"the topic {self._topic} does not exist at {self._brokers}: start a scraper first")
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
                "all records of some partitions have been deleted: their nodes are not replayed",
                extra={"partitions": emptied},
            )
        found = self._reader.offsets_at(self._topic, time_range.from_ns, bounds)
        first = {partition: offset for partition, offset in found.items() if offset < bounds[partition][1]}
        if not any(self._time_ns(partition, offset) <= time_range.to_ns for partition, offset in first.items()):
            raise ConfigError(f"no record between --from and --to: {self._topic} has a gap there")
        resolution_ns = self._resolution_ns(time_range, bounds)
        read_from_ns = time_range.read_from_ns(resolution_ns)
        truncated_ns = newest_truncated_ns(kept)
        if truncated_ns is not None and truncated_ns >= read_from_ns:
            log.warning(
                "windows just before --from have been deleted: rates may be missing in the first windows",
                extra={"deleted_to": time_text(truncated_ns), "needed_from": time_text(read_from_ns)},
            )
        begin = self._reader.offsets_at(self._topic, read_from_ns, bounds)
        end = self._reader.offsets_at(self._topic, time_range.read_to_ns(resolution_ns) + NS_PER_MS, bounds)
        return Offsets(begin, {partition: max(begin[partition], offset) for partition, offset in end.items()})

    def time_ns(self, partition: int, offset: int) -> int | None:
        """The timestamp of a record, None if Kafka does not answer."""
        try:
            return self._time_ns(partition, offset)
        except UnavailableError:
            return None

    def newest_ns(self, offsets: Offsets) -> int | None:
        """The newest timestamp of the records to read, None if there are none or Kafka does not answer."""
        times = (self.time_ns(each, end - 1) for each, end in offsets.end.items() if end > offsets.begin[each])
        return max((found for found in times if found is not None), default=None)

    def close(self) -> None:
        """Close the client."""
        self._reader.close()

    def _time_ns(self, partition: int, offset: int) -> int:
        return self._record(partition, offset).timestamp()[1] * NS_PER_MS

    def _resolution_ns(self, time_range: TimeRange, bounds: Mapping[int, tuple[int, int]]) -> int:
        """The longest resolution of the records around both ends, from which the records to read are computed."""
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
