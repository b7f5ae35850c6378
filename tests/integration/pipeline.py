"""A pipeline of processors and writers on its own Kafka, with the expected content of InfluxDB."""

import json
from collections.abc import Callable, Collection
from dataclasses import dataclass

import pytest

from replay.groups import reached
from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader
from schemas.node_scrape import NodeScrape
from tests.integration.recordings import batches_of
from tests.waiting import wait_until
from tools.chaos.contents import Content, Database, differences
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.process import Process
from writer.__main__ import build

Start = Callable[..., Process]


@dataclass
class Pipeline:
    """Processors and writers on one Kafka, the database they write to, and one with the expected points."""

    kafka: Kafka
    influxdb: InfluxDB
    database: Database
    expected: Database
    service: Start

    @property
    def brokers(self) -> str:
        return f"--kafka-brokers={self.kafka.bootstrap}"

    @property
    def sink(self) -> str:
        return (
            f"--sink=influxdb:{self.influxdb.url}?db={self.database.name}"
            f"&user={self.influxdb.user}&pw={self.influxdb.password}"
        )

    def processor(self) -> Process:
        return self.service("processor", self.brokers)

    def writer(self) -> Process:
        return self.service("writer", self.brokers, self.sink)

    def expect(self, windows: list[list[NodeScrape]]) -> None:
        self.expected.write(batches_of(windows))

    def complete(self) -> bool:
        return self.database.points() >= self.expected.points() and not self.differences()

    def differences(self) -> list[str]:
        return differences(self.database.content(), self.expected.content())[:20]

    def at_rest(self) -> None:
        """Wait until all records that are in Kafka now are processed and written."""
        (sink,) = build((self.sink.removeprefix("--sink="),))
        processor, writer = "heapster-processor", f"heapster-writer-{sink.name}"
        for group, topic in ((processor, "kubelet-stats"), (processor, "group-sums"), (writer, "derived-metrics")):
            self._done(group, topic)

    def _done(self, group: str, topic: str) -> None:
        with TopicReader(KafkaSettings(self.kafka.bootstrap), "test", group=group) as reader:
            ends = {partition: end for partition, (_, end) in reader.bounds(topic).items() if end}
            wait_until(lambda: reached(reader.committed(topic), ends), f"{group} has committed all of {topic}", 180)

    def reaches_what_is_expected(self, deadline_s: float = 180.0) -> None:
        try:
            wait_until(self.complete, "the expected points", deadline_s)
        except pytest.fail.Exception:
            assert self.differences() == []
            raise


def of_windows(content: Content, ends_ns: Collection[int]) -> Content:
    return {
        name: frozenset(row for row in rows if json.loads(row)["time"] in ends_ns) for name, rows in content.items()
    }
