"""Topics, writer processes and InfluxDB queries for the integration tests of the writer."""

import dataclasses
import json
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import requests
from confluent_kafka import Consumer, Producer, TopicPartition

from runtime.kafka import KafkaSettings, consumer_settings, producer_settings
from runtime.topic_reader import TopicReader
from runtime.topics import ensure_topics
from schemas.catalogue import EntityType, Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version, encode_batch
from schemas.topics import Topic, topics
from tests.waiting import wait_until

MINUTE_NS: Final = 60_000_000_000
FIRST_WINDOW_NS: Final = 1_704_067_200_000_000_000
FLUSH_TIMEOUT_S: Final = 60.0
PARTITIONS: Final = 4
_WRITER_PROGRAM: Final = """
import sys, time
from runtime.health import Health
from runtime.logs import LogSettings
from runtime.kafka import KafkaSettings
from schemas.topics import Topic
from writer.__main__ import WriterConfig, build, run
brokers, source, dead_letter, *sinks = sys.argv[1:]
LogSettings().start()
config = WriterConfig(
    kafka=KafkaSettings(brokers),
    source=Topic(name=source, retention_ms=-1),
    dead_letter=Topic(name=dead_letter, retention_ms=-1),
)
sys.exit(run(config, build(tuple(sinks)), Health(time.monotonic)))
"""


class Point(NamedTuple):
    measurement: str
    tags: frozenset[tuple[str, str]]
    field: str
    time_ns: int
    value: Number


class ReceivedDeadLetter(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]


class ProxiedInfluxDB(NamedTuple):
    """An InfluxDB behind a proxy at `url`."""

    url: str
    user: str = "root"
    password: str = "root"


def batch(
    entity: str,
    window: int = 0,
    *,
    nodes: int = 1,
    kind: EntityType = "node",
    values: Mapping[str, Number] | None = None,
) -> MetricBatch:
    """The batch of a node with a file system, or of a group."""
    own_labels = {"type": kind, "labels": "zone:a b,disk=x"} if kind == "node" else {"type": kind}
    default_values = {"cpu/usage_rate": 100 + window, "cpu/node_utilization": 0.25 + window, "uptime": window}
    disk = LabeledValues({"resource_id": "/"}, {"filesystem/usage": 7 + window})
    return MetricBatch(
        cluster="testing",
        entity=entity,
        window_end_ns=FIRST_WINDOW_NS + window * MINUTE_NS,
        resolution_ns=MINUTE_NS,
        sets=(
            MetricSet(
                key=f"node:{entity}",
                type=kind,
                labels=own_labels | {"nodename": entity, "hostname": "left-out"},
                values=default_values if values is None else values,
                labeled=(disk,) if kind == "node" else (),
            ),
        ),
        version=Version(nodes, 0),
    )


def points_of(batches: Iterable[MetricBatch], *, with_fields: bool = False, cluster: str = "testing") -> set[Point]:
    """The points that InfluxDB must contain, computed from the batches and not from lines."""
    points: set[Point] = set()
    for each in batches:
        for metric_set in each.sets:
            for labels, values in ((dict[str, str](), metric_set.values), *metric_set.labeled):
                tags = {**metric_set.labels, **labels, "cluster_name": cluster}
                del tags["hostname"]
                for name, value in values.items():
                    group, slash, field = name.partition("/")
                    split = with_fields and slash
                    points.add(
                        Point(
                            group if split else name,
                            frozenset(tags.items()),
                            field if split else "value",
                            each.window_end_ns,
                            value,
                        )
                    )
    return points


def influxql(influx: Any, statement: str, database: str = "") -> Any:
    response = requests.post(
        f"{influx.url}/query",
        data={"q": statement, "db": database, "epoch": "ns"},
        auth=(influx.user, influx.password),
        timeout=30,
    )
    assert response.status_code == 200, response.text
    return response.json()["results"][0]


def points_in(influx: Any, database: str) -> set[Point]:
    result = influxql(influx, f'SELECT * FROM "{database}"."default"./.*/ GROUP BY *', database)
    points: set[Point] = set()
    for series in result.get("series", []):
        tags = frozenset((name, value) for name, value in series["tags"].items() if value)
        for row in series["values"]:
            for field, value in zip(series["columns"][1:], row[1:], strict=True):
                if value is not None:
                    points.add(Point(series["name"], tags, field, row[0], value))
    return points


def influxdb_sink(influx: Any, database: str, options: str = "") -> str:
    return f"influxdb:{influx.url}?db={database}&user={influx.user}&pw={influx.password}{options}"


class WriterPipeline:
    """The topics of one test, with a producer of batches and a consumer of dead letters."""

    def __init__(self, brokers: str) -> None:
        suffix = uuid.uuid4().hex[:8]
        self.brokers = brokers
        self.source = self._renamed(topics().derived_metrics, suffix)
        self.dead_letter = self._renamed(topics().derived_metrics_dead_letter, suffix)
        ensure_topics(KafkaSettings(brokers), (self.source, self.dead_letter), partitions=PARTITIONS)
        self._producer = Producer(producer_settings(KafkaSettings(brokers), "test"))

    @staticmethod
    def _renamed(topic: Topic, suffix: str) -> Topic:
        return dataclasses.replace(topic, name=f"{topic.name}-{suffix}", retention_ms=-1)

    def send(self, *batches: MetricBatch) -> None:
        for each in batches:
            self.send_bytes(each.key.encode(), encode_batch(each))
        self.flush()

    def send_bytes(self, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self.source.name, key=key, value=value)
            except BufferError:
                self._producer.poll(1)
            else:
                return

    def flush(self) -> None:
        assert self._producer.flush(FLUSH_TIMEOUT_S) == 0

    def committed(self, name: str) -> int:
        """Number of records that the consumer group of a sink has committed."""
        with TopicReader(KafkaSettings(self.brokers), "test", group=f"heapster-writer-{name}") as reader:
            return sum(reader.committed(self.source.name).values())

    def dead_letters(self, count: int) -> list[ReceivedDeadLetter]:
        """The first `count` dead letters."""
        consumer = Consumer(consumer_settings(KafkaSettings(self.brokers), "test", f"dead-letters-{uuid.uuid4()}"))
        consumer.assign([TopicPartition(self.dead_letter.name, number, 0) for number in range(PARTITIONS)])
        received: list[ReceivedDeadLetter] = []

        def is_complete() -> bool:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                headers = dict(_decoded(message.headers() or []))
                received.append(ReceivedDeadLetter(message.key(), message.value(), headers))
            return len(received) >= count

        try:
            wait_until(is_complete, f"{count} dead letters")
        finally:
            consumer.close()
        return received


def _decoded(headers: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        yield name, value.decode()


class WriterProcess:
    """A writer process and its log."""

    def __init__(self, pipeline: WriterPipeline, sinks: tuple[str, ...], log: Path) -> None:
        self._log = log
        arguments = [pipeline.brokers, pipeline.source.name, pipeline.dead_letter.name, *sinks]
        with log.open("ab") as stderr:
            self.process = subprocess.Popen([sys.executable, "-c", _WRITER_PROGRAM, *arguments], stderr=stderr)

    @property
    def log(self) -> list[dict[str, Any]]:
        whole_lines = self._log.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole_lines if line.startswith("{")]

    def logged(self, message: str) -> list[dict[str, Any]]:
        """The log records whose message starts with this text."""
        return [line for line in self.log if line["message"].startswith(message)]

    def wait_for_log(self, message: str) -> None:
        def is_logged() -> bool:
            assert self.process.poll() is None, self._log.read_text()
            return bool(self.logged(message))

        wait_until(is_logged, f"the writer logs {message!r}")

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, within_s: float = 10.0) -> int:
        self.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


StartWriter: TypeAlias = Callable[..., WriterProcess]
