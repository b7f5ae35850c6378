"""A replay writes what the live pipeline wrote, also of old records and after a kill."""

import signal
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import chain

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient

from replay.time_range import time_text
from schemas.node_scrape import NodeScrape
from schemas.topics import DEFAULT_PARTITIONS
from scraper.rounds.assignment import partition_of
from tests.integration.pipeline import Pipeline, Start, of_windows
from tests.integration.recordings import (
    NS_PER_S,
    RESOLUTION_S,
    Recorder,
    batches_as_sent,
    batches_of,
    recorded,
)
from tests.waiting import wait_until
from tools.chaos.contents import Database, differences
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.process import Process

YEAR_S = 365 * 24 * 60 * 60


def sink(influxdb: InfluxDB, database: str) -> str:
    return f"--sink=influxdb:{influxdb.url}?db={database}&user={influxdb.user}&pw={influxdb.password}"


def span(windows: list[list[NodeScrape]]) -> tuple[str, str]:
    first, last = windows[0][0].window_end_ns, windows[-1][0].window_end_ns
    return f"--from={time_text(first)}", f"--to={time_text(last)}"


def ended(process: Process) -> bool:
    return not process.running


@pytest.fixture
def kafka_without_retention(own_kafka: Callable[[], Kafka]) -> Kafka:
    kafka = own_kafka()
    Recorder(kafka.bootstrap, keep_for_ever=True)
    return kafka


def windows_of_a_year_ago() -> tuple[list[list[NodeScrape]], int, int]:
    """Windows with a gap, then with another resolution; the indexes of the first ones after the gap and the change."""
    change_s = (int(time.time()) - YEAR_S) // RESOLUTION_S * RESOLUTION_S
    long = recorded(26, nodes=4, end_s=change_s)
    short = recorded(16, nodes=4, end_s=change_s + 16 * RESOLUTION_S // 2, resolution_s=RESOLUTION_S // 2)
    windows = [*long[:10], *long[18:], *short]
    windows[13][0] = replace(windows[13][0], document=None, error="HTTP 500: no")
    return windows, 10, 18


def test_a_replay_a_year_later_equals_the_live_run_even_if_it_is_killed(
    kafka_without_retention: Kafka, influxdb: InfluxDB, influx_database: str, service: Start
) -> None:
    windows, behind_gap, behind_change = windows_of_a_year_ago()
    live, gap, change, undisturbed = (
        Database(influxdb, f"{influx_database}_{end}") for end in ("live", "gap", "change", "undisturbed")
    )
    Recorder(kafka_without_retention.bootstrap, keep_for_ever=True).send(chain.from_iterable(windows))
    pipeline = Pipeline(kafka_without_retention, influxdb, live, undisturbed, service)
    workers = [pipeline.processor(), pipeline.writer()]
    pipeline.at_rest()
    undisturbed.write(batches_as_sent(chain.from_iterable(windows)))
    assert pipeline.differences() == []
    assert [worker.stop() for worker in workers] == [0, 0]

    time_ranges = {gap: windows[behind_gap : behind_change + 8], change: windows[behind_change:]}
    replays = {
        database: service("replay", pipeline.brokers, *span(time_range), sink(influxdb, database.name))
        for database, time_range in time_ranges.items()
    }
    wait_until(lambda: change.points() > 0 or ended(replays[change]), "points of the second replay")
    assert replays[change].kill() == -signal.SIGKILL, "it was running"
    replays[change].launch()
    for database, time_range in time_ranges.items():
        wait_until(lambda replay=replays[database]: ended(replay), f"the end of {database.name}", 300)
        assert replays[database].status == 0
        ends_ns = {window[0].window_end_ns for window in time_range}
        assert differences(database.content(), of_windows(live.content(), ends_ns)) == []


def test_several_workers_share_a_replay(
    kafka_without_retention: Kafka, influxdb: InfluxDB, influx_database: str, service: Start
) -> None:
    kafka = kafka_without_retention
    windows = recorded(80, nodes=12, end_s=int(time.time()) - YEAR_S)
    time_range = windows[10:70]
    Recorder(kafka.bootstrap, keep_for_ever=True).send(chain.from_iterable(windows))
    expected, found = (Database(influxdb, f"{influx_database}{end}") for end in ("_expected", ""))
    ends_in_range = {window[0].window_end_ns for window in time_range}
    expected.write(batch for batch in batches_of(windows) if batch.window_end_ns in ends_in_range)
    arguments = (f"--kafka-brokers={kafka.bootstrap}", *span(time_range), sink(influxdb, found.name))
    workers = [service("replay", *arguments) for _ in range(3)]
    for worker in workers:
        wait_until(lambda worker=worker: ended(worker), "the end of each worker", 300)
    assert [worker.status for worker in workers] == [0, 0, 0]
    assert differences(found.content(), expected.content()) == []
    left = AdminClient({"bootstrap.servers": kafka.bootstrap}).list_topics(timeout=30).topics
    assert [name for name in left if "replay" in name and "dead-letter" not in name] == []


def test_time_ranges_without_records_are_rejected_with_the_available_windows(
    own_kafka: Callable[[], Kafka], service: Start
) -> None:
    kafka = own_kafka()
    windows = recorded(8, nodes=6)

    def text(number: int, seconds: int = 0) -> str:
        return time_text(windows[number][0].window_end_ns + seconds * NS_PER_S)

    def rejected(*ranges: tuple[str, str, str]) -> None:
        brokers = f"--kafka-brokers={kafka.bootstrap}"
        replays = [service("replay", brokers, f"--from={begin}", f"--to={end}") for begin, end, _ in ranges]
        for replay, (_, _, reason) in zip(replays, ranges, strict=True):
            wait_until(lambda replay=replay: ended(replay), "the error")
            assert replay.status == 2
            _, line = replay.text.splitlines()  # the first line is the status
            assert reason in line

    rejected((text(0), text(7), "the topic kubelet-stats does not exist"))
    recorder = Recorder(kafka.bootstrap)
    rejected((text(0), text(7), "the topic kubelet-stats is empty: there is nothing to replay"))
    recorder.send(chain.from_iterable(windows[:3] + windows[5:]))
    there = f"the topic kubelet-stats has windows from {text(0)} to {text(7)}"
    rejected(
        ("2020-01-01T00:00:00Z", text(7), f"before the oldest record: {there}"),
        (text(2, seconds=1), text(5, seconds=-1), "no record between --from and --to: kubelet-stats has a gap there"),
    )
    of_one_node = partition_of("default", windows[0][0].node, DEFAULT_PARTITIONS)
    nodes_there = sum(partition_of("default", each.node, DEFAULT_PARTITIONS) == of_one_node for each in windows[0])
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    kept_from = TopicPartition("kubelet-stats", of_one_node, 2 * nodes_there)
    admin.delete_records([kept_from])[kept_from].result(30)
    rejected((text(1), text(7), f"before the oldest complete window: {there}, complete ones after {text(2)}"))
