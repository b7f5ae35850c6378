"""Delivery guarantees: nothing is lost or counted twice while processes are killed, frozen, added and removed."""

import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import chain, count
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader
from schemas.node_scrape import NodeScrape, encode_scrape
from schemas.topics import DEFAULT_PARTITIONS
from scraper.rounds.assignment import partition_of
from tests.integration.pipeline import Pipeline, Start, of_windows
from tests.integration.recordings import (
    RESOLUTION_S,
    Recorder,
    batches_as_sent,
    recorded,
)
from tests.waiting import wait_until
from tools.chaos.contents import Database, differences
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.process import Process

WITHOUT_A_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from heapster_stream.__main__ import main
main()
"""
DAY_NS = 24 * 60 * 60 * 1_000_000_000


@pytest.fixture
def pipeline(own_kafka: Callable[[], Kafka], influxdb: InfluxDB, influx_database: str, service: Start) -> Pipeline:
    written, expected = Database(influxdb, influx_database), Database(influxdb, f"{influx_database}_expected")
    return Pipeline(own_kafka(), influxdb, written, expected, service)


def test_killing_processors_and_writers_ten_times_does_not_change_the_points(pipeline: Pipeline) -> None:
    windows = recorded(40)
    pipeline.expect(windows)
    recorder = Recorder(pipeline.kafka.bootstrap)
    workers = [pipeline.processor(), pipeline.processor(), pipeline.writer(), pipeline.writer()]
    chance = random.Random(1)
    for number in range(10):
        for window in windows[4 * number : 4 * number + 4]:
            recorder.send(window)
        seen = pipeline.database.points()
        wait_until(lambda seen=seen: pipeline.database.points() > seen, "more points")
        victim = chance.choice(workers)
        victim.kill()
        victim.launch()
    pipeline.reaches_what_is_expected()


def test_a_processor_wrongly_considered_dead_does_not_change_the_points(pipeline: Pipeline) -> None:
    windows = recorded(12)
    pipeline.expect(windows)
    recorder = Recorder(pipeline.kafka.bootstrap)
    zombie, _ = pipeline.processor(), pipeline.writer()
    recorder.send(chain.from_iterable(windows[:4]))
    wait_until(lambda: pipeline.database.points() > 0, "the first points")
    recorder.send(chain.from_iterable(windows[4:8]))
    zombie.freeze()
    recorder.send(chain.from_iterable(windows[8:]))
    pipeline.processor()
    wait_until(lambda: _has_window(pipeline, windows[-1]), "the newest window, by the second worker")
    zombie.thaw()
    pipeline.reaches_what_is_expected()


def _has_window(pipeline: Pipeline, window: list[NodeScrape]) -> bool:
    return bool(pipeline.database.query(f'SELECT "value" FROM "uptime" WHERE time = {window[0].window_end_ns}'))


def test_killing_and_restarting_kafka_does_not_change_the_points(pipeline: Pipeline) -> None:
    windows = recorded(10)
    pipeline.expect(windows)
    recorder = Recorder(pipeline.kafka.bootstrap)
    workers = [pipeline.processor(), pipeline.writer()]
    recorder.send(chain.from_iterable(windows[:5]))
    wait_until(lambda: pipeline.database.points() > 0, "the first points")
    pipeline.kafka.kill()
    pipeline.kafka.start()
    recorder.send(chain.from_iterable(windows[5:]))
    pipeline.reaches_what_is_expected()
    assert all(worker.running for worker in workers)


@pytest.mark.long
def test_kafka_down_for_two_minutes_does_not_change_the_points(pipeline: Pipeline) -> None:
    windows = recorded(10)
    pipeline.expect(windows)
    recorder = Recorder(pipeline.kafka.bootstrap)
    workers = [pipeline.processor(), pipeline.processor(), pipeline.writer()]
    recorder.send(chain.from_iterable(windows[:5]))
    wait_until(lambda: pipeline.database.points() > 0, "the first points")
    pipeline.kafka.kill()
    time.sleep(120)
    pipeline.kafka.start()
    recorder.send(chain.from_iterable(windows[5:]))
    pipeline.reaches_what_is_expected()
    assert all(worker.running for worker in workers)


def test_services_started_before_kafka_and_its_topics_wait_for_them(pipeline: Pipeline) -> None:
    windows = recorded(4)
    pipeline.expect(windows)
    pipeline.kafka.kill()
    workers = [pipeline.processor(), pipeline.writer()]
    for worker in workers:
        wait_until(lambda worker=worker: "waiting for Kafka" in worker.text, f"{worker.name} waits")
    pipeline.kafka.start()
    Recorder(pipeline.kafka.bootstrap).send(chain.from_iterable(windows))
    pipeline.reaches_what_is_expected()
    assert all(worker.running for worker in workers)


def test_no_service_needs_a_disk(pipeline: Pipeline, tmp_path: Path) -> None:
    """No file can be written, as on a full disk; only the services' own logs are lost."""
    windows = recorded(4)
    pipeline.expect(windows)
    Recorder(pipeline.kafka.bootstrap).send(chain.from_iterable(windows))
    program = (sys.executable, "-c", WITHOUT_A_DISK)
    workers = [
        Process(name, (*program, name, pipeline.brokers, *arguments), tmp_path / f"{name}-without-a-disk.log").launch()
        for name, arguments in (("processor", ()), ("writer", (pipeline.sink,)))
    ]
    try:
        pipeline.reaches_what_is_expected()
        assert [worker.text for worker in workers] == ["", ""]
    finally:
        assert [worker.stop() for worker in workers] == [0, 0]


def test_a_processor_with_a_large_lag_stays_within_its_memory_limit(pipeline: Pipeline) -> None:
    (window,) = recorded(1, nodes=50, pods=30)
    waiting = 10_000
    recorder = Recorder(pipeline.kafka.bootstrap)
    for number in range(waiting // len(window)):
        recorder.send(_shifted(scrape, number) for scrape in window)
    processor = pipeline.processor()
    with TopicReader(KafkaSettings(pipeline.kafka.bootstrap), "test", group="heapster-processor") as reader:

        def done() -> int:
            return sum(reader.committed("kubelet-stats").values())

        # all windows that groups keep are in memory then, so it does not grow any more
        wait_until(lambda: done() > 100 * len(window), "as many windows as are kept to be processed", 300)
        assert done() < waiting, "no records are waiting any more"
    peak_kb = int(Path(f"/proc/{processor.pid}/status").read_text().partition("VmHWM:")[2].split()[0])
    in_kafka_kb = waiting * sum(len(scrape.document or b"") for scrape in window) // len(window) // 1000
    assert peak_kb < 300_000, f"{peak_kb} kB for {in_kafka_kb} kB in Kafka"


def _shifted(scrape: NodeScrape, windows: int) -> NodeScrape:
    by_ns = windows * RESOLUTION_S * 1_000_000_000
    end_ns, at_ns = scrape.window_end_ns + by_ns, scrape.scraped_at_ns + by_ns
    return replace(scrape, window_end_ns=end_ns, scraped_at_ns=at_ns)


def test_added_partitions_are_processed_after_the_processor_is_restarted(pipeline: Pipeline) -> None:
    """A node that moves to another partition has no rates in its first window there; later windows are complete."""
    windows = recorded(6)
    pipeline.expect(windows)
    workers = [pipeline.processor(), pipeline.writer()]
    Recorder(pipeline.kafka.bootstrap).send(chain.from_iterable(windows[:3]))
    wait_until(lambda: _has_window(pipeline, windows[2]), "the first half")
    admin = AdminClient({"bootstrap.servers": pipeline.kafka.bootstrap})
    admin.create_partitions([NewPartitions("kubelet-stats", 16)])["kubelet-stats"].result(30)
    if workers[0].running:
        workers[0].stop()
    workers[0].launch()
    Recorder(pipeline.kafka.bootstrap).send(chain.from_iterable(windows[3:]))
    whole = [window[0].window_end_ns for window in (*windows[:3], *windows[4:])]

    def differ() -> list[str]:
        found, expected = (of_windows(each.content(), whole) for each in (pipeline.database, pipeline.expected))
        return differences(found, expected)[:20]

    with suppress(pytest.fail.Exception):  # the differences are the better message
        wait_until(lambda: not differ(), "the points of all windows but one", 120)
    assert differ() == []


def test_late_duplicate_and_out_of_order_records_change_only_late_values(pipeline: Pipeline) -> None:
    windows = recorded(16)
    straggler, *others = windows[5]
    once = [
        *chain(windows[0], windows[1], reversed(windows[3]), windows[2], windows[4], others, *windows[6:13]),
        straggler,  # 7 windows late: its values are written without rates, and it is not summed
        *chain(*windows[13:]),
    ]
    pipeline.expected.write(batches_as_sent(once))
    recorder = Recorder(pipeline.kafka.bootstrap)
    processor, _ = pipeline.processor(), pipeline.writer()
    recorder.send(once[:-3])
    pipeline.at_rest()
    recorder.send(windows[15])  # a duplicate
    recorder.send(windows[9])  # a duplicate that is 6 windows late
    recorder.send(windows[1])  # 14 windows late: written again without a change
    recorder.send(_with_another_document(windows[8] + windows[14]))
    recorder.send(replace(each, document=None, error="HTTP 500") for each in (straggler, *windows[14], *windows[2]))
    recorder.send(once[-3:])
    pipeline.at_rest()
    assert pipeline.differences() == []
    assert processor.running


def _with_another_document(scrapes: list[NodeScrape]) -> list[NodeScrape]:
    return [replace(each, scraped_at_ns=each.scraped_at_ns + 1, document=b"{}") for each in scrapes]


def test_invalid_records_become_dead_letters_and_the_others_are_processed(pipeline: Pipeline) -> None:
    """One of the others is a record two days ahead, which makes no other record late."""
    windows = recorded(4)
    original = windows[1][0]
    far_ahead = replace(original, window_end_ns=original.window_end_ns + 2 * DAY_NS, node=_neighbour(original.node))
    pipeline.expected.write(batches_as_sent([far_ahead, *chain(*windows)]))
    recorder = Recorder(pipeline.kafka.bootstrap)
    processor, _ = pipeline.processor(), pipeline.writer()
    end_ns = original.window_end_ns
    triggers_a_bug = replace(original, window_end_ns=-(2**63) + 1, clock_offset_ns=-(2**62))
    for number, value in enumerate(
        (
            encode_scrape(triggers_a_bug),
            b"not Avro",
            b"\xc3\x01" + bytes(8) + b"x",
            encode_scrape(replace(original, document=b"{nonsense")),
            bytes(20 * 1024 * 1024),  # Kafka accepts it, because its limit is for the compressed size
        )
    ):
        recorder.send_bytes(f"default/{original.node}", value, original.node, end_ns - 1_000_000 * number)
    recorder.send([far_ahead])
    recorder.send(chain.from_iterable(windows))
    pipeline.reaches_what_is_expected()
    assert processor.running
    listed = _dead_letters(pipeline, "list")
    assert len(listed) == 5
    for reason, letters in (
        ("processing failed: ValueError", 1),
        ("not Avro single-object encoding", 2),
        ("unknown schema fingerprint", 1),
        ("not JSON", 1),
    ):
        lines = [line for line in listed if reason in line]
        assert len(lines) == letters, listed
        assert all("kubelet-stats-dead-letter/" in line for line in lines)
    (unknown,) = (line.split()[0] for line in listed if "unknown schema fingerprint" in line)
    assert "record: kubelet-stats/" in "\n".join(_dead_letters(pipeline, "show", unknown))
    assert _dead_letters(pipeline, "requeue", unknown) == ["1 records sent again"]
    wait_until(lambda: len(_dead_letters(pipeline, "list")) == 6, "the requeued record to be rejected again")
    shown = [_dead_letters(pipeline, "show", line.split()[0]) for line in listed]
    assert ["left-out-bytes: 20971520" in lines for lines in shown].count(True) == 1


def _neighbour(node: str) -> str:
    """Another node in the same partition."""
    here = partition_of("default", node, DEFAULT_PARTITIONS)
    names = (f"node-{number}" for number in count(100))
    return next(name for name in names if partition_of("default", name, DEFAULT_PARTITIONS) == here)


def _dead_letters(pipeline: Pipeline, command: str, *arguments: str) -> list[str]:
    answer = subprocess.run(
        [sys.executable, "-m", "heapster_stream", "dead-letters", command, pipeline.brokers, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return answer.stdout.splitlines()


def test_each_service_shuts_down_within_ten_seconds_of_sigterm(pipeline: Pipeline) -> None:
    Recorder(pipeline.kafka.bootstrap).send(chain.from_iterable(recorded(3)))
    workers = [pipeline.processor(), pipeline.writer()]
    wait_until(lambda: pipeline.database.points() > 0, "the first points")
    assert [worker.stop(within_s=10) for worker in workers] == [0, 0]
