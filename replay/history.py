"""What `kubelet-stats` holds: offsets by time, times by offset."""

from collections.abc import Mapping
from dataclasses import dataclass

from confluent_kafka import Message

from replay.stretch import Stretch, refusal
from runtime.duration import NS_PER_MS
from runtime.errors import ConfigError, UnavailableError
from runtime.kafka import KafkaSettings
from runtime.reader import Reader
from schemas.codec import UndecodableError
from schemas.node_scrape import decode_scrape


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
        self._reader = Reader(kafka, "heapster-replay")
        self._topic = topic
        self._brokers = kafka.brokers

    def offsets(self, stretch: Stretch) -> Offsets:
        """What is to be read for a stretch.

        Raises:
            ConfigError: there is nothing to read, or not all of it any more; says what there is.
            UnavailableError: Kafka does not answer.
        """
        bounds = self._reader.bounds(self._topic)
        if not bounds:
            raise ConfigError(f"there is no topic {self._topic} at {self._brokers}: nothing has been scraped yet")
        kept = {
            partition: (self._time_ns(partition, low), self._time_ns(partition, high - 1))
            for partition, (low, high) in bounds.items()
            if low < high
        }
        reason = refusal(stretch, kept, self._topic)
        if reason:
            raise ConfigError(reason)
        found = self._reader.at(self._topic, stretch.from_ns, bounds)
        first = {partition: offset for partition, offset in found.items() if offset < bounds[partition][1]}
        if not any(self._time_ns(partition, offset) <= stretch.to_ns for partition, offset in first.items()):
            raise ConfigError(f"no record between --from and --to: {self._topic} has a gap there")
        resolution_ns = self._resolution_ns(first)
        begin = self._reader.at(self._topic, stretch.read_from_ns(resolution_ns), bounds)
        end = self._reader.at(self._topic, stretch.read_to_ns(resolution_ns) + NS_PER_MS, bounds)
        return Offsets(begin, {partition: max(begin[partition], offset) for partition, offset in end.items()})

    def time_ns(self, partition: int, offset: int) -> int | None:
        """The time of a record, None if it cannot be told now."""
        try:
            return self._time_ns(partition, offset)
        except UnavailableError:
            return None

    def close(self) -> None:
        """No more look-ups."""
        self._reader.close()

    def _time_ns(self, partition: int, offset: int) -> int:
        return self._record(partition, offset).timestamp()[1] * NS_PER_MS

    def _resolution_ns(self, first: Mapping[int, int]) -> int:
        """The longest window of the first records: what belongs to a window lies within some of these."""
        found = 0
        for partition, offset in first.items():
            try:
                found = max(found, decode_scrape(self._record(partition, offset).value()).resolution_ns)
            except UndecodableError:
                continue
        return found

    def _record(self, partition: int, offset: int) -> Message:
        (record,) = self._reader.records(self._topic, partition, offset, offset + 1)
        return record
