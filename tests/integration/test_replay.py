"""Replay: what a live run wrote comes out again, also when the recording is old and the replay was killed."""

import time
from collections.abc import Callable
from itertools import chain

import pytest
from confluent_kafka.admin import AdminClient

from chaos.contents import Database, differences
from replay.stretch import time_text
from schemas.node_scrape import NodeScrape
from stack.influxdb import InfluxDB
from stack.kafka import Kafka
from stack.process import Process
from tests.integration.recordings import (
    Recorder,
    batches_of,
    recorded,
)
from tests.waiting import wait_until

YEAR_S = 365 * 24 * 60 * 60
Start = Callable[..., Process]


def sink(influxdb: InfluxDB, database: str) -> str:
    return f"--sink=influxdb:{influxdb.url}?db={database}&user={influxdb.user}&pw={influxdb.password}"


def span(windows: list[list[NodeScrape]]) -> tuple[str, str]:
    first, last = windows[0][0].window_end_ns, windows[-1][0].window_end_ns
    return f"--from={time_text(first)}", f"--to={time_text(last)}"


def ended(process: Process) -> bool:
    return not process.running


@pytest.fixture
def kafka_of_a_year_ago(own_kafka: Callable[[], Kafka]) -> Kafka:
    kafka = own_kafka()
    Recorder(kafka.bootstrap, keep_for_ever=True)
    return kafka


def test_a_year_old_stretch_comes_out_as_it_was_live_and_again_after_a_kill(
    kafka_of_a_year_ago: Kafka, influxdb: InfluxDB, influx_database: str, service: Start
) -> None:
    kafka = kafka_of_a_year_ago
    windows = recorded(60, nodes=4, end_s=int(time.time()) - YEAR_S)
    stretch = windows[20:50]
    recorder = Recorder(kafka.bootstrap, keep_for_ever=True)
    recorder.send(chain.from_iterable(windows))
    expected, first_time, again = (
        Database(influxdb, f"{influx_database}{end}") for end in ("_expected", "_first", "_again")
    )
    of_stretch = {window[0].window_end_ns for window in stretch}
    expected.write(batch for batch in batches_of(windows) if batch.window_end_ns in of_stretch)
    brokers = f"--kafka-brokers={kafka.bootstrap}"

    first = service("replay", brokers, *span(stretch), sink(influxdb, first_time.name))
    wait_until(lambda: ended(first), "the replay's end", 300)
    assert first.status == 0
    assert differences(first_time.content(), expected.content()) == []

    second = service("replay", brokers, *span(stretch), sink(influxdb, again.name))
    wait_until(lambda: again.points() > 0 or ended(second), "points of the second replay")
    second.kill()
    second.launch()
    wait_until(lambda: ended(second), "the second replay's end", 300)
    assert second.status == 0
    assert differences(again.content(), expected.content()) == []


def test_several_workers_share_a_replay(
    kafka_of_a_year_ago: Kafka, influxdb: InfluxDB, influx_database: str, service: Start
) -> None:
    kafka = kafka_of_a_year_ago
    windows = recorded(80, nodes=12, end_s=int(time.time()) - YEAR_S)
    stretch = windows[10:70]
    Recorder(kafka.bootstrap, keep_for_ever=True).send(chain.from_iterable(windows))
    expected, found = (Database(influxdb, f"{influx_database}{end}") for end in ("_expected", ""))
    of_stretch = {window[0].window_end_ns for window in stretch}
    expected.write(batch for batch in batches_of(windows) if batch.window_end_ns in of_stretch)
    arguments = (f"--kafka-brokers={kafka.bootstrap}", *span(stretch), sink(influxdb, found.name))
    workers = [service("replay", *arguments) for _ in range(3)]
    for worker in workers:
        wait_until(lambda worker=worker: ended(worker), "the end of each worker", 300)
    assert [worker.status for worker in workers] == [0, 0, 0]
    assert differences(found.content(), expected.content()) == []
    left = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=30).topics
    assert [name for name in left if "replay" in name and "dead-letter" not in name] == []


def test_ranges_that_cannot_be_replayed_are_refused_with_what_is_there(
    own_kafka: Callable[[], Kafka], service: Start
) -> None:
    kafka = own_kafka()
    windows = recorded(5, nodes=2)
    Recorder(kafka.bootstrap).send(chain.from_iterable(windows))
    oldest = time_text(windows[0][0].window_end_ns)
    newest = time_text(windows[-1][0].window_end_ns)
    for begin, end, reason in (
        (newest, oldest, "lies after --to"),
        (
            "2020-01-01T00:00:00Z",
            newest,
            f"older than what is kept: the topic kubelet-stats has windows from {oldest} to {newest}",
        ),
        ("2100-01-01T00:00:00Z", "2100-01-02T00:00:00Z", "lies behind the newest record"),
        ("yesterday", newest, "--from: 'yesterday' is not a time like 2026-01-01T00:00:00Z"),
    ):
        refused = service("replay", f"--kafka-brokers={kafka.bootstrap}", f"--from={begin}", f"--to={end}")
        wait_until(lambda refused=refused: ended(refused), "a refusal")
        assert refused.status == 2
        assert reason in refused.text
        assert "Traceback" not in refused.text
