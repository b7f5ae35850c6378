"""What the demo shows: figures read from Kafka and InfluxDB, not from the services."""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import requests
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from schemas.topics import Topic, Topics, topics

_TIMEOUT_S: Final = 5.0
_SAMPLES: Final = (
    ("cpu/usage_rate", "cluster", "millicores of all pods"),
    ("memory/usage", "cluster", "bytes of all pods"),
    ("cpu/node_utilization", "node", "of one node, as a ratio"),
    ("network/rx_rate", "pod", "bytes per second of one pod"),
)


class KafkaFigures:
    """Offsets, lag, and which nodes the newest window has."""

    def __init__(self, brokers: str) -> None:
        """Reads along from the end of `kubelet-stats`."""
        silent = logging.getLogger("kafka of the demo")  # what matters shows in the figures
        silent.addHandler(logging.NullHandler())
        silent.propagate = False
        self._admin = AdminClient({"bootstrap.servers": brokers}, logger=silent)
        self._reader = Consumer(
            {"bootstrap.servers": brokers, "group.id": "demo", "enable.auto.commit": False}, logger=silent
        )
        self._live = topics()
        self._reading = False
        self._windows: dict[int, set[bytes]] = {}

    def records(self, topic: Topic) -> int:
        """How many records a topic has."""
        return sum(self._ends(topic).values())

    def lag(self) -> int:
        """How many records the processors and writers have not done yet."""
        sources = ((self._live.kubelet_stats, "heapster-processor"), (self._live.derived_metrics, "heapster-writer"))
        return sum(self._lag_of(topic, prefix) for topic, prefix in sources)

    def nodes_scraped(self) -> int:
        """How many nodes the last window has that is surely complete, or the newest one if there is but one."""
        self._read_along()
        newest = sorted(self._windows)[-2:]
        return len(self._windows[newest[0]]) if newest else 0

    def _ends(self, topic: Topic) -> Mapping[int, int]:
        found = self._admin.list_topics(timeout=_TIMEOUT_S).topics.get(topic.name)
        if found is None or found.error is not None:
            return {}
        return {
            partition: self._reader.get_watermark_offsets(TopicPartition(topic.name, partition), _TIMEOUT_S)[1]
            for partition in found.partitions
        }

    def _lag_of(self, topic: Topic, prefix: str) -> int:
        ends = self._ends(topic)
        listed = self._admin.list_consumer_groups(request_timeout=_TIMEOUT_S).result().valid
        groups = [group.group_id for group in listed if group.group_id.startswith(prefix)]
        if not groups:
            return sum(ends.values())
        (answer,) = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(groups[0])]).values()
        done = {each.partition: each.offset for each in answer.result().topic_partitions if each.topic == topic.name}
        return sum(max(0, end - max(0, done.get(partition, 0))) for partition, end in ends.items())

    def _read_along(self) -> None:
        if not self._reading:
            partitions = [
                TopicPartition(self._live.kubelet_stats.name, number, 0)
                for number in self._ends(self._live.kubelet_stats)
            ]
            if not partitions:
                return
            self._reader.assign(partitions)
            self._reading = True
        for message in self._reader.consume(1000, timeout=0.1):
            key = message.key()
            if message.error() is None and isinstance(key, bytes):
                self._windows.setdefault(message.timestamp()[1], set()).add(key)
        for old in sorted(self._windows)[:-3]:
            del self._windows[old]


class InfluxFigures:
    """What is in one database."""

    def __init__(self, url: str, database: str) -> None:
        """Nothing is read yet."""
        self._url = url
        self._database = database

    def points_written(self) -> int:
        """How many points the server has taken since it started."""
        found: dict[str, Any] = requests.get(f"{self._url}/debug/vars", timeout=_TIMEOUT_S).json()
        return int(sum(each["values"].get("pointsWrittenOK", 0) for each in found.values() if _is_http(each)))

    def measurements(self) -> frozenset[str]:
        """The names of all measurements."""
        return frozenset(row[0] for series in self._query("SHOW MEASUREMENTS") for row in series["values"])

    def series(self) -> int:
        """How many series there are."""
        return sum(1 for series in self._query("SHOW SERIES") for _ in series["values"])

    def points(self) -> int:
        """How many points there are."""
        return sum(row[1] for series in self._query('SELECT count("value") FROM /.*/') for row in series["values"])

    def newest(self) -> str:
        """The newest timestamp."""
        return max(
            (row[0] for series in self._query('SELECT last("value") FROM "uptime"') for row in series["values"]),
            default="never",
        )

    def samples(self) -> Iterator[tuple[str, str]]:
        """A few of the newest values."""
        for name, kind, meaning in _SAMPLES:
            query = f'SELECT last("value") FROM "{name}" WHERE "type" = \'{kind}\''  # noqa: S608 - names of our own
            for series in self._query(query):
                yield f"{name} ({kind}): {meaning}", str(series["values"][0][1])

    def _query(self, query: str) -> list[dict[str, Any]]:
        answer = requests.get(f"{self._url}/query", params={"db": self._database, "q": query}, timeout=_TIMEOUT_S)
        results: list[dict[str, Any]] = answer.json().get("results", [])
        return [series for result in results for series in result.get("series", [])]


def _is_http(found: object) -> bool:
    return isinstance(found, dict) and found.get("name") == "httpd"


@dataclass(frozen=True, slots=True)
class Figures:
    """The live line."""

    kafka: KafkaFigures
    influxdb: InfluxFigures

    def line(self, elapsed_s: float) -> str:
        """Nodes, records, points and lag now."""
        live = topics()
        try:
            return self._line(elapsed_s, live)
        except KafkaException as error:  # topics that are just being made have no leader for a moment
            return f"{elapsed_s:4.0f} s   Kafka: {error.args[0].str()}"

    def _line(self, elapsed_s: float, live: Topics) -> str:
        return (
            f"{elapsed_s:4.0f} s   nodes scraped {self.kafka.nodes_scraped():>3}"
            f"   raw records {self.kafka.records(live.kubelet_stats):>6}"
            f"   derived records {self.kafka.records(live.derived_metrics):>6}"
            f"   points written {self.influxdb.points_written():>9,}   lag {self.kafka.lag():>4}"
        )
