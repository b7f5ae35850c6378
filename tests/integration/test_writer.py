"""The writer as processes, between a real Kafka and a real InfluxDB."""

import dataclasses
import json
import math
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

import pytest
import requests
from confluent_kafka import Consumer, Producer, TopicPartition

from runtime.kafka import KafkaSettings, consumer_settings, producer_settings
from runtime.topic_reader import TopicReader
from runtime.topics import ensure_topics
from schemas.catalogue import EntityType, Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version, encode_batch
from schemas.topics import Topic, topics
from tools.chaos.gate import RETRY_AFTER_S, Gate, Mood
from writer.lines.render import Schema, render
from writer.lines.render_json import render_json

MINUTE_NS: Final = 60_000_000_000
FIRST_WINDOW_NS: Final = 1_704_067_200_000_000_000
DEADLINE_S: Final = 60.0
PARTITIONS: Final = 4
RUN: Final = """
import sys, time
from runtime.health import Health
from runtime.logs import LogSettings
from runtime.kafka import KafkaSettings
from runtime.topic_reader import Reader
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


class Letter(NamedTuple):
    key: bytes | None
    value: bytes | None
    headers: dict[str, str]


def until(reached: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    ends_at = time.monotonic() + deadline_s
    while not reached():
        assert time.monotonic() < ends_at, f"not within {deadline_s:g} s: {what}"
        time.sleep(0.05)


# --- what is written ---------------------------------------------------------------------------------------------


def batch(
    entity: str,
    window: int = 0,
    *,
    nodes: int = 1,
    kind: EntityType = "node",
    values: Mapping[str, Number] | None = None,
) -> MetricBatch:
    """A node with a file system, or a group."""
    own = {"type": kind, "labels": "zone:a b,disk=x"} if kind == "node" else {"type": kind}
    usual = {"cpu/usage_rate": 100 + window, "cpu/node_utilization": 0.25 + window, "uptime": window}
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
                labels=own | {"nodename": entity, "hostname": "left-out"},
                values=usual if values is None else values,
                labeled=(disk,) if kind == "node" else (),
            ),
        ),
        version=Version(nodes, 0),
    )


def points_of(batches: Iterable[MetricBatch], *, with_fields: bool = False, cluster: str = "testing") -> set[Point]:
    """What is to be found in InfluxDB, told from the batches and not from lines."""
    found: set[Point] = set()
    for each in batches:
        for metric_set in each.sets:
            for labels, values in ((dict[str, str](), metric_set.values), *metric_set.labeled):
                tags = {**metric_set.labels, **labels, "cluster_name": cluster}
                del tags["hostname"]
                for name, value in values.items():
                    group, slash, field = name.partition("/")
                    split = with_fields and slash
                    found.add(
                        Point(
                            group if split else name,
                            frozenset(tags.items()),
                            field if split else "value",
                            each.window_end_ns,
                            value,
                        )
                    )
    return found


# --- InfluxDB ----------------------------------------------------------------------------------------------------


def query(influx: Any, statement: str, database: str = "") -> Any:
    answer = requests.post(
        f"{influx.url}/query",
        data={"q": statement, "db": database, "epoch": "ns"},
        auth=(influx.user, influx.password),
        timeout=30,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()["results"][0]


def points_in(influx: Any, database: str) -> set[Point]:
    result = query(influx, f'SELECT * FROM "{database}"."default"./.*/ GROUP BY *', database)
    found: set[Point] = set()
    for series in result.get("series", []):
        tags = frozenset((name, value) for name, value in series["tags"].items() if value)
        for row in series["values"]:
            for field, value in zip(series["columns"][1:], row[1:], strict=True):
                if value is not None:
                    found.add(Point(series["name"], tags, field, row[0], value))
    return found


def sink(influx: Any, database: str, options: str = "") -> str:
    return f"influxdb:{influx.url}?db={database}&user={influx.user}&pw={influx.password}{options}"


# --- Kafka -------------------------------------------------------------------------------------------------------


class Pipeline:
    """Topics of one test's own, and what is in them."""

    def __init__(self, brokers: str) -> None:
        suffix = uuid.uuid4().hex[:8]
        self.brokers = brokers
        self.source = self._named(topics().derived_metrics, suffix)
        self.dead_letter = self._named(topics().derived_metrics_dead_letter, suffix)
        ensure_topics(KafkaSettings(brokers), (self.source, self.dead_letter), partitions=PARTITIONS)
        self._producer = Producer(producer_settings(KafkaSettings(brokers), "test"))

    @staticmethod
    def _named(topic: Topic, suffix: str) -> Topic:
        return dataclasses.replace(topic, name=f"{topic.name}-{suffix}", retention_ms=-1)

    def send(self, *batches: MetricBatch) -> None:
        for each in batches:
            self.send_bytes(each.key.encode(), encode_batch(each))
        assert self._producer.flush(DEADLINE_S) == 0

    def send_bytes(self, key: bytes, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self.source.name, key=key, value=value)
            except BufferError:
                self._producer.poll(1)
            else:
                return

    def flush(self) -> None:
        assert self._producer.flush(DEADLINE_S) == 0

    def committed(self, name: str) -> int:
        """Records that the group of a sink has committed."""
        with TopicReader(KafkaSettings(self.brokers), "test", group=f"heapster-writer-{name}") as reader:
            return sum(reader.committed(self.source.name).values())

    def letters(self, count: int) -> list[Letter]:
        """The first dead letters."""
        consumer = Consumer(consumer_settings(KafkaSettings(self.brokers), "test", f"letters-{uuid.uuid4()}"))
        consumer.assign([TopicPartition(self.dead_letter.name, number, 0) for number in range(PARTITIONS)])
        found: list[Letter] = []

        def enough() -> bool:
            message = consumer.poll(0.2)
            if message is not None and message.error() is None:
                found.append(Letter(message.key(), message.value(), dict(_decoded(message.headers() or []))))
            return len(found) >= count

        try:
            until(enough, f"{count} dead letters")
        finally:
            consumer.close()
        return found


def _decoded(headers: Iterable[Any]) -> Iterator[tuple[str, str]]:
    for name, value in headers:
        yield name, value.decode()


class Writer:
    """A writer process."""

    def __init__(self, pipeline: Pipeline, sinks: tuple[str, ...], log: Path) -> None:
        self._log = log
        arguments = [pipeline.brokers, pipeline.source.name, pipeline.dead_letter.name, *sinks]
        with log.open("ab") as stderr:
            self.process = subprocess.Popen([sys.executable, "-c", RUN, *arguments], stderr=stderr)

    @property
    def log(self) -> list[dict[str, Any]]:
        whole_lines = self._log.read_text().rpartition("\n")[0].splitlines()
        return [json.loads(line) for line in whole_lines if line.startswith("{")]

    def told(self, message: str) -> list[dict[str, Any]]:
        return [line for line in self.log if line["message"].startswith(message)]

    def has_told(self, message: str) -> None:
        def told() -> bool:
            assert self.process.poll() is None, self._log.read_text()
            return bool(self.told(message))

        until(told, f"the writer says {message!r}")

    def send_signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def stop(self, within_s: float = 10.0) -> int:
        self.send_signal(signal.SIGTERM)
        return self.process.wait(within_s)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


Start: TypeAlias = Callable[..., Writer]


@pytest.fixture
def pipeline(kafka: Any) -> Pipeline:
    return Pipeline(kafka.bootstrap)


@pytest.fixture
def start(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Start]:
    writers: list[Writer] = []

    def start_writer(*sinks: str, pipeline: Pipeline | None = None) -> Writer:
        writers.append(
            Writer(pipeline or request.getfixturevalue("pipeline"), sinks, tmp_path / f"writer-{len(writers)}.log")
        )
        return writers[-1]

    yield start_writer
    for writer in writers:
        if writer.process.poll() is None:
            writer.process.kill()
            writer.process.wait()
    for log in sorted(tmp_path.glob("writer-*.log")):
        request.node.add_report_section("teardown", str(log), log.read_text()[-8000:])


@pytest.fixture
def deaf() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


# --- the tests ---------------------------------------------------------------------------------------------------


def test_both_schemas_arrive_point_for_point(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    batches = [batch(f"n{number}", window) for number in range(5) for window in range(10)]
    pipeline.send(*batches)
    fields = f"{influx_database}_fields"
    start(sink(influxdb, influx_database), sink(influxdb, fields, "&withfields=true&cluster_name=prod&concurrency=3"))
    expected = points_of(batches)
    until(lambda: points_in(influxdb, influx_database) == expected, "all points, a measurement a metric")
    expected = points_of(batches, with_fields=True, cluster="prod")
    until(lambda: points_in(influxdb, fields) == expected, "all points, a measurement a group of metrics")
    query(influxdb, f'DROP DATABASE "{fields}"')


def test_retention_takes_effect_and_changes(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    def durations() -> dict[str, str]:
        (series,) = query(influxdb, f'SHOW RETENTION POLICIES ON "{influx_database}"')["series"]
        return {row[0]: row[1] for row in series["values"]}

    recent = dataclasses.replace(batch("n1"), window_end_ns=time.time_ns() // MINUTE_NS * MINUTE_NS)
    pipeline.send(recent)
    writer = start(sink(influxdb, influx_database))
    until(lambda: points_in(influxdb, influx_database) == points_of([recent]), "the points")
    assert durations()["default"] == "0s"
    assert writer.stop() == 0
    pipeline.send(batch("n2"), recent)  # of 2024: retention would remove the first at once
    writer = start(sink(influxdb, influx_database, "&retention=7d"))
    writer.has_told("batch written")
    assert durations()["default"] == "168h0m0s"
    assert points_in(influxdb, influx_database) == points_of([recent])
    assert writer.told("dead letter") == []


def test_a_conflicting_point_becomes_a_dead_letter_and_no_other(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    query(influxdb, f'CREATE DATABASE "{influx_database}" WITH NAME "default"')
    taken = requests.post(
        f"{influxdb.url}/write?db={influx_database}&rp=default",
        data=f"custom/qps,other=series value=1i {FIRST_WINDOW_NS}",
        auth=(influxdb.user, influxdb.password),
        timeout=30,
    )
    assert taken.status_code == 204
    bad = batch("n7", values={"custom/qps": 1.5, "uptime": 3})
    good = [batch(f"n{number}") for number in range(5)]
    pipeline.send(*good[:3], bad, *good[3:])
    writer = start(sink(influxdb, influx_database))
    (letter,) = pipeline.letters(1)
    assert (letter.key, letter.value) == (b"testing/n7", encode_batch(bad))
    assert letter.headers["refused-count"] == "1"
    assert letter.headers["refused-lines"] == (
        r"custom/qps,cluster_name=testing,labels=zone:a\ b\,disk\=x,nodename=n7,type=node value=1.5"
        f" {FIRST_WINDOW_NS}\n"
    )
    assert "field type conflict" in letter.headers["reason"]
    assert letter.headers["topic"] == pipeline.source.name
    assert {"partition", "offset", "rejected-at", "rejected-by", "sink"} <= letter.headers.keys()
    expected = {point for point in points_of([*good, bad]) if point.measurement != "custom/qps"}
    until(lambda: pipeline.committed(writer.told("writing")[0]["sink"]) == 6, "all is committed")
    found = {point for point in points_in(influxdb, influx_database) if point.measurement != "custom/qps"}
    assert found == expected


def test_of_a_line_with_a_conflicting_field_the_others_are_written(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    query(influxdb, f'CREATE DATABASE "{influx_database}" WITH NAME "default"')
    taken = requests.post(
        f"{influxdb.url}/write?db={influx_database}&rp=default",
        data=f"custom,other=series qps=1i {FIRST_WINDOW_NS}",
        auth=(influxdb.user, influxdb.password),
        timeout=30,
    )
    assert taken.status_code == 204
    bad = batch("n7", values={"custom/length": 2, "custom/qps": 1.5, "custom/wait": 0.5, "uptime": 3})
    good = [batch(f"n{number}") for number in range(5)]
    pipeline.send(*good[:3], bad, *good[3:])
    writer = start(sink(influxdb, influx_database, "&withfields=true"))
    (letter,) = pipeline.letters(1)
    assert letter.headers["refused-lines"] == (
        r"custom,cluster_name=testing,labels=zone:a\ b\,disk\=x,nodename=n7,type=node qps=1.5"
        f" {FIRST_WINDOW_NS}\n"
    )
    expected = {point for point in points_of([*good, bad], with_fields=True) if point.field != "qps"}
    until(lambda: pipeline.committed(writer.told("writing")[0]["sink"]) == 6, "all is committed")
    found = {point for point in points_in(influxdb, influx_database) if point.field != "qps"}
    assert found == expected


def test_records_that_cannot_be_read_are_dead_letters_and_the_others_go_on(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    poison = [b"not Avro", b"\xc3\x01" + b"\x07" * 8 + b"x", encode_batch(batch("n0"))[:-4]]
    for value in poison:
        pipeline.send_bytes(b"key", value)
    good = [batch("n1"), batch("n2")]
    pipeline.send(*good)
    start(sink(influxdb, influx_database))
    until(lambda: points_in(influxdb, influx_database) == points_of(good), "the good ones")
    letters = pipeline.letters(3)
    assert [(letter.key, letter.value) for letter in letters] == [(b"key", value) for value in poison]
    assert ["not Avro" in letters[0].headers["reason"], "fingerprint" in letters[1].headers["reason"]] == [True, True]
    assert [letter.headers["offset"] for letter in letters] == ["0", "1", "2"]


def test_a_record_too_large_for_the_dead_letters_is_told_without_its_value(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    length = 20 * 1024 * 1024  # compressed it passes, as Kafka's limit is of what was compressed
    settings = producer_settings(KafkaSettings(pipeline.brokers), "test") | {"message.max.bytes": 2 * length}
    generous = Producer(settings)
    generous.produce(pipeline.source.name, key=b"large", value=bytes(length))
    assert generous.flush(DEADLINE_S) == 0
    pipeline.send(batch("n1"))
    start(sink(influxdb, influx_database))
    (letter,) = pipeline.letters(1)
    assert (letter.key, letter.value, letter.headers["left-out-bytes"]) == (b"large", None, str(length))
    until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1")]), "the record behind it")


def test_a_database_dropped_while_running_is_made_again(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    start(sink(influxdb, influx_database))
    pipeline.send(batch("n1", 0))
    until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1", 0)]), "the first window")
    query(influxdb, f'DROP DATABASE "{influx_database}"')
    pipeline.send(batch("n1", 1))
    until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1", 1)]), "the second window")


def test_a_half_sum_never_overwrites_a_whole_one(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    def total(nodes: int) -> MetricBatch:
        return batch("cluster", nodes=nodes, kind="cluster", values={"cpu/usage_rate": 10 * nodes})

    start(sink(influxdb, influx_database))
    pipeline.send(total(3))
    until(lambda: points_in(influxdb, influx_database) == points_of([total(3)]), "the whole sum")
    pipeline.send(total(2), batch("after", kind="cluster", values={"uptime": 1}))
    pipeline.send(*(batch(f"n{number}") for number in range(8)))
    others = points_of([batch("after", kind="cluster", values={"uptime": 1}), *(batch(f"n{n}") for n in range(8))])
    until(lambda: points_in(influxdb, influx_database) == points_of([total(3)]) | others, "the rest")


def test_killed_again_and_again_nothing_is_lost_or_doubled(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    values = {f"custom/{number}": number for number in range(200)}
    batches = [batch(f"n{number}", window, values=values) for window in range(20) for number in range(20)]
    pipeline.send(*batches)
    for _ in range(2):
        writer = start(sink(influxdb, influx_database))
        writer.has_told("batch written")
        writer.kill()
        name = writer.told("writing")[0]["sink"]
        assert pipeline.committed(name) < len(batches), "killed in the middle"
    writer = start(sink(influxdb, influx_database))
    until(lambda: pipeline.committed(name) == len(batches), "all is committed")
    assert points_in(influxdb, influx_database) == points_of(batches)
    assert writer.stop() == 0


def test_workers_with_one_sink_share_the_partitions_and_take_over(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    def assigned(writer: Writer) -> set[int]:
        held: set[int] = set()
        for line in writer.log:
            held |= set(line["partitions"]) if line["message"] == "partitions assigned" else set()
            held -= set(line["partitions"]) if line["message"] == "partitions revoked" else set()
        return held

    first, second = start(sink(influxdb, influx_database)), start(sink(influxdb, influx_database))
    until(lambda: len(assigned(first)) == len(assigned(second)) == PARTITIONS // 2, "half of the partitions each")
    windows = [batch(f"n{number}", window) for window in range(2) for number in range(12)]
    pipeline.send(*windows[:12])
    until(lambda: points_in(influxdb, influx_database) == points_of(windows[:12]), "the first window")
    assert second.stop() == 0
    pipeline.send(*windows[12:])
    until(lambda: points_in(influxdb, influx_database) == points_of(windows), "the second window")
    assert first.stop() == 0


def test_a_sink_that_is_out_holds_back_no_other(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str, deaf: str
) -> None:
    batches = [batch(f"n{number}") for number in range(8)]
    pipeline.send(*batches)
    writer = start(f"influxdb:{deaf}?db=a", sink(influxdb, influx_database))
    until(lambda: points_in(influxdb, influx_database) == points_of(batches), "the points of the sink that answers")
    names = [line["sink"] for line in writer.told("writing")]
    until(lambda: pipeline.committed(names[1]) == 8, "its offsets")
    assert pipeline.committed(names[0]) == 0


def test_told_to_stop_while_influxdb_hangs_it_ends_within_ten_seconds(
    pipeline: Pipeline, start: Start, deaf: str
) -> None:
    pipeline.send(batch("n1"))
    writer = start(f"influxdb:{deaf}?db=a")
    writer.has_told("partitions assigned")
    until(lambda: Path(f"/proc/{writer.process.pid}/net/tcp").exists() and connected(deaf), "a write in flight")
    assert writer.stop(within_s=10) == 0
    assert pipeline.committed(writer.told("writing")[0]["sink"]) == 0


def connected(url: str) -> bool:
    """Whether anybody has a connection to a port of this machine."""
    port = f":{int(url.rpartition(':')[2]):04X}"
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return any(row[2].endswith(port) and row[3] == "01" for row in rows)


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        pytest.param("unavailable", "HTTP 503: not now", id="503"),
        pytest.param("too many", "HTTP 429: not now", id="429"),
    ],
)
def test_a_retry_after_is_respected(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str, mood: Mood, reason: str
) -> None:
    with Gate(influxdb.url) as gate:
        writer = start(sink(Behind(gate.url), influx_database))
        pipeline.send(batch("n1", 0))
        until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1", 0)]), "the first window")
        name = writer.told("writing")[0]["sink"]
        until(lambda: pipeline.committed(name) == 1, "its commit")
        gate.mood = mood
        pipeline.send(batch("n1", 1))
        until(lambda: len(gate.disturbed_s) >= 4, "some tries")
        assert pipeline.committed(name) == 1
        gate.mood = "pass"
        expected = points_of([batch("n1", 0), batch("n1", 1)])
        until(lambda: points_in(influxdb, influx_database) == expected, "the second window")
    waited_s = [after - before for before, after in pairwise(gate.disturbed_s)]
    assert min(waited_s) >= RETRY_AFTER_S
    (told,) = writer.told("sink unavailable")
    assert reason in told["error"]
    assert writer.stop() == 0


def test_influxdb_that_hangs_or_whose_answers_are_lost(
    pipeline: Pipeline, start: Start, influxdb: Any, influx_database: str
) -> None:
    with Gate(influxdb.url) as gate:
        writer = start(sink(Behind(gate.url), influx_database))
        writer.has_told("writing")
        name = writer.told("writing")[0]["sink"]
        gate.mood = "lose answers"
        pipeline.send(batch("n1", 0))
        until(lambda: len(gate.disturbed_s) >= 3, "some tries")
        assert pipeline.committed(name) == 0, "written perhaps, but nobody says so"
        gate.mood = "hang"
        writer.has_told("sink unavailable")
        until(lambda: any("no answer within 30 s" in each["error"] for each in writer.told("sink unavailable")), "30 s")
        assert pipeline.committed(name) == 0
        gate.mood = "pass"
        pipeline.send(batch("n1", 1))
        until(lambda: pipeline.committed(name) == 2, "all is committed")
    assert points_in(influxdb, influx_database) == points_of([batch("n1", 0), batch("n1", 1)])
    assert writer.stop() == 0


class Behind(NamedTuple):
    """An InfluxDB behind a gate."""

    url: str
    user: str = "root"
    password: str = "root"


@pytest.mark.long
def test_influxdb_down_for_two_minutes(pipeline: Pipeline, start: Start, own_influxdb: Any) -> None:
    influx = own_influxdb()
    writer = start(sink(influx, "k8s"))
    pipeline.send(batch("n1", 0))
    until(lambda: points_in(influx, "k8s") == points_of([batch("n1", 0)]), "the first window")
    influx.stop()
    pipeline.send(*(batch("n1", window) for window in range(1, 4)))
    writer.has_told("sink unavailable")
    time.sleep(120)
    pipeline.send(*(batch("n1", window) for window in range(4, 6)))
    assert pipeline.committed(writer.told("writing")[0]["sink"]) == 1
    influx.start()
    expected = points_of(batch("n1", window) for window in range(6))
    until(lambda: points_in(influx, "k8s") == expected, "what waited in Kafka")
    until(lambda: bool(writer.told("sink available again")), "the end of the outage")
    assert len(writer.told("sink unavailable")) <= 3  # refused, then perhaps starting up
    assert writer.stop() == 0


def test_influxdbs_disk_is_full(pipeline: Pipeline, start: Start, own_influxdb: Any) -> None:
    influx = own_influxdb()
    writer = start(sink(influx, "k8s"))
    pipeline.send(batch("n1", 0))
    until(lambda: points_in(influx, "k8s") == points_of([batch("n1", 0)]), "the first window")
    name = writer.told("writing")[0]["sink"]
    until(lambda: pipeline.committed(name) == 1, "its commit")
    resource.prlimit(influx.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))  # no file takes one byte more
    pipeline.send(batch("n1", 1), batch("n1", 2))
    writer.has_told("sink unavailable")
    (told,) = writer.told("sink unavailable")
    assert "HTTP 500: engine: " in told["error"]
    assert "file too large" in told["error"]
    assert pipeline.committed(name) == 1
    influx.kill()
    influx.start()  # with room
    expected = points_of(batch("n1", window) for window in range(3))
    until(lambda: points_in(influx, "k8s") == expected, "what waited in Kafka")
    assert writer.told("dead letter") == []
    assert writer.stop() == 0


def test_a_wrong_password_is_clear_and_loses_nothing(pipeline: Pipeline, start: Start, own_influxdb: Any) -> None:
    influx = own_influxdb()
    query(influx, "CREATE USER heapster WITH PASSWORD 'right' WITH ALL PRIVILEGES")
    pipeline.send(batch("n1"))
    writer = start(f"influxdb:{influx.url}?user=heapster&pw=wrong+one")
    writer.has_told("sink unavailable")
    (told,) = writer.told("sink unavailable")
    assert told["error"] == (
        f"InfluxDB at {influx.url}: HTTP 401: authorization failed (check user and pw, or the token)"
    )
    assert pipeline.committed(writer.told("writing")[0]["sink"]) == 0
    query(influx, "SET PASSWORD FOR heapster = 'wrong one'")
    until(lambda: bool(writer.told("batch written")), "the password is right now")
    assert points_in(influx, "k8s") == points_of([batch("n1")])


def test_kafka_killed_and_started_again(start: Start, own_kafka: Any, influxdb: Any, influx_database: str) -> None:
    kafka = own_kafka()
    pipeline = Pipeline(kafka.bootstrap)
    writer = start(sink(influxdb, influx_database), pipeline=pipeline)
    pipeline.send(batch("n1", 0), batch("n2", 0))
    until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1", 0), batch("n2", 0)]), "window 0")
    kafka.kill()
    kafka.start()
    pipeline.send(batch("n1", 1), batch("n2", 1))
    expected = points_of(batch(node, window) for node in ("n1", "n2") for window in (0, 1))
    until(lambda: points_in(influxdb, influx_database) == expected, "window 1")
    assert writer.stop() == 0


def test_a_worker_that_was_away_for_too_long_writes_nothing_of_what_it_had(
    pipeline: Pipeline, start: Start, own_influxdb: Any
) -> None:
    def total(nodes: int) -> MetricBatch:
        return batch("cluster", nodes=nodes, kind="cluster", values={"cpu/usage_rate": 10 * nodes})

    influx, before = own_influxdb(), batch("n1")
    pipeline.send(before)
    zombie = start(sink(influx, "k8s"))
    until(lambda: points_in(influx, "k8s") == points_of([before]), "it is at work")
    influx.stop()
    pipeline.send(total(1))
    zombie.has_told("sink unavailable")
    zombie.send_signal(signal.SIGSTOP)
    influx.start()
    pipeline.send(total(2))
    start(sink(influx, "k8s"))
    until(lambda: points_in(influx, "k8s") == points_of([before, total(2)]), "another worker takes over")
    zombie.send_signal(signal.SIGCONT)
    zombie.has_told("away for longer than a session allows")
    until(lambda: len(zombie.told("partitions assigned")) > 1, "it is a member again")
    assert points_in(influx, "k8s") == points_of([before, total(2)])


def test_memory_is_bounded_while_records_wait(pipeline: Pipeline, start: Start, own_influxdb: Any) -> None:
    influx = own_influxdb()
    influx.stop()
    numbers = random.Random(1)  # as little alike as real ones: what Kafka holds in a few bytes is no measure
    values = [
        encode_batch(batch(f"n{number % 20}", values={f"custom/{i}": numbers.getrandbits(62) for i in range(100)}))
        for number in range(2000)
    ]
    for number in range(100_000):
        pipeline.send_bytes(f"n{number % 20}".encode(), values[number % len(values)])
    pipeline.flush()
    writer = start(sink(influx, "k8s"))
    writer.has_told("sink unavailable")
    until(lambda: len(writer.told("partitions assigned")) > 0, "partitions")
    status = Path(f"/proc/{writer.process.pid}/status")
    peaks_kb: list[int] = []
    ends_at = time.monotonic() + 5
    while time.monotonic() < ends_at:
        peaks_kb.append(int(status.read_text().partition("VmHWM:")[2].split()[0]))
        time.sleep(0.1)
    assert peaks_kb[-1] < 250_000, f"{peaks_kb[-1]} kB for {100_000 * len(values[0]) // 1000} kB in Kafka"


def test_the_program_itself_writes_what_the_sinks_environment_variable_says(
    kafka: Any, influxdb: Any, influx_database: str, tmp_path: Path
) -> None:
    environment = os.environ | {
        "HEAPSTER_KAFKA_BROKERS": kafka.bootstrap,
        "HEAPSTER_SINK": f"{sink(influxdb, influx_database)} log",
    }
    log = tmp_path / "log"
    with log.open("wb") as stderr, (tmp_path / "out").open("wb") as stdout:
        process = subprocess.Popen([sys.executable, "-m", "writer"], env=environment, stderr=stderr, stdout=stdout)
    try:
        until(lambda: log.read_text().count('"partitions assigned"') >= 2, "both sinks")
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_a_file_has_every_line_though_the_disk_was_full_the_file_moved_and_the_writer_killed(
    pipeline: Pipeline, start: Start, tmp_path: Path
) -> None:
    batches = [batch(f"n{number}", window) for number in range(20) for window in range(20)]
    chosen = [
        dataclasses.replace(each, sets=tuple(of._replace(labeled=()) for of in each.sets)) for each in batches
    ]  # without file systems, as the filter says
    expected = {line for each in chosen for line in render(each, Schema()).lines}
    path, moved = tmp_path / "points.lp", tmp_path / "points.lp.1"
    to_file = f"file:{path}?exclude_metrics=filesystem/*"

    def lines() -> list[str]:
        return [line for each in (moved, path) if each.exists() for line in each.read_text().splitlines()]

    pipeline.send(*batches[:100])
    writer = start(to_file)
    until(lambda: len(lines()) >= 300, "the first points")
    path.rename(moved)
    writer.send_signal(signal.SIGHUP)
    pipeline.send(*batches[100:200])
    until(lambda: len(lines()) >= 600, "points in a new file")
    moved_size = moved.stat().st_size
    resource.prlimit(writer.process.pid, resource.RLIMIT_FSIZE, (path.stat().st_size + 1000, resource.RLIM_INFINITY))
    pipeline.send(*batches[200:300])
    writer.has_told("sink unavailable")
    writer.kill()
    pipeline.send(*batches[300:])
    writer = start(to_file)
    until(lambda: pipeline.committed(f"file-{path}-values") == len(batches), "everything is committed")
    assert writer.stop() == 0
    assert moved.stat().st_size == moved_size
    assert set(lines()) == expected


def messages_in(brokers: str, topic: str) -> list[tuple[bytes | None, bytes]]:
    """Key and value of everything in a topic now."""
    consumer = Consumer(consumer_settings(KafkaSettings(brokers), "test", f"messages-{uuid.uuid4()}"))
    partitions = [TopicPartition(topic, number) for number in consumer.list_topics(topic).topics[topic].partitions]
    left = sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
    consumer.assign([TopicPartition(topic, partition.partition, 0) for partition in partitions])
    found: list[tuple[bytes | None, bytes]] = []
    try:
        while len(found) < left:
            message = consumer.poll(DEADLINE_S)
            assert message is not None
            assert message.error() is None
            found.append((message.key(), message.value()))
    finally:
        consumer.close()
    return found


def test_heapsters_messages_wait_for_the_kafka_that_they_go_to(
    pipeline: Pipeline, start: Start, own_kafka: Callable[[], Any]
) -> None:
    target = own_kafka()
    topic = Topic(name="heapster-metrics", retention_ms=-1, settings={"max.message.bytes": "2000"})
    ensure_topics(KafkaSettings(target.bootstrap), [topic], partitions=3)
    batches = [batch(f"n{number}", window) for number in range(10) for window in range(10)]
    odd = batch("odd", values={"cpu/node_utilization": math.nan, "uptime": 1})
    (large,) = batch("large", values={"cpu/usage_rate": 1}).sets
    large = large._replace(labels={**large.labels, "labels": "".join(map(str, range(2000)))}, labeled=())
    too_large = dataclasses.replace(batch("large"), sets=(large,))
    pipeline.send(*batches[:50])
    to_kafka = f"kafka:?brokers={target.bootstrap}&compression=lz4"
    name = f"kafka-{target.bootstrap}-{topic.name}"
    writer = start(to_kafka)
    until(lambda: pipeline.committed(name) == 50, "the first messages")
    target.stop()
    pipeline.send(*batches[50:], odd, too_large)
    writer.has_told("sink unavailable")
    assert pipeline.committed(name) == 50
    target.launch()
    until(lambda: pipeline.committed(name) == 102, "the others")
    assert writer.stop() == 0
    expected = {line.encode() for each in [*batches, odd] for line in render_json(each).lines}
    found = messages_in(target.bootstrap, topic.name)
    assert {value for _, value in found} == expected
    assert {key for key, _ in found} == {None}
    (letter,) = pipeline.letters(1)
    assert "too large" in letter.headers["reason"]
    assert letter.headers["refused-lines"].splitlines() == render_json(too_large).lines
