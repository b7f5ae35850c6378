"""Nothing lost, nothing counted twice: processes killed, frozen, added and removed; the content stays the same."""

import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from chaos.contents import Content, Database, differences
from runtime.kafka import KafkaSettings
from runtime.reader import Reader
from schemas.node_scrape import NodeScrape, encode_scrape
from stack.influxdb import InfluxDB
from stack.kafka import Kafka
from stack.process import Process
from tests.integration.recordings import (
    RESOLUTION_S,
    Recorder,
    batches_of,
    recorded,
)
from tests.waiting import wait_until

WITHOUT_A_DISK = """
import resource
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
from heapster_stream.__main__ import main
main()
"""
Start = Callable[..., Process]


@dataclass
class Pipeline:
    """A Kafka of its own with processors and writers, and what is to come out of it."""

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

    def reaches_what_is_expected(self, deadline_s: float = 180.0) -> None:
        try:
            wait_until(self.complete, "the expected points", deadline_s)
        except pytest.fail.Exception:
            assert self.differences() == []
            raise


@pytest.fixture
def pipeline(own_kafka: Callable[[], Kafka], influxdb: InfluxDB, influx_database: str, service: Start) -> Pipeline:
    written, expected = Database(influxdb, influx_database), Database(influxdb, f"{influx_database}_expected")
    return Pipeline(own_kafka(), influxdb, written, expected, service)


def test_processors_and_writers_killed_ten_times_leave_the_same_points(pipeline: Pipeline) -> None:
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


def test_a_processor_that_was_thought_dead_changes_nothing(pipeline: Pipeline) -> None:
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


def test_kafka_killed_and_back_again(pipeline: Pipeline) -> None:
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


def test_kafka_away_for_two_minutes_costs_nothing(pipeline: Pipeline) -> None:
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
    """Not one byte can be written to a file, as on a full disk; their own logs are lost, nothing else."""
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


def test_a_processor_far_behind_keeps_within_its_memory(pipeline: Pipeline) -> None:
    (window,) = recorded(1, nodes=50, pods=30)
    waiting = 10_000
    recorder = Recorder(pipeline.kafka.bootstrap)
    for number in range(waiting // len(window)):
        later_ns = number * RESOLUTION_S * 1_000_000_000
        recorder.send(replace(scrape, window_end_ns=scrape.window_end_ns + later_ns) for scrape in window)
    processor = pipeline.processor()
    with Reader(KafkaSettings(pipeline.kafka.bootstrap), "test", group="heapster-processor") as reader:

        def done() -> int:
            return sum(reader.committed("kubelet-stats").values())

        # as many windows as groups are kept for, so that there will be no more than now
        wait_until(lambda: done() > 100 * len(window), "as many windows as are kept are done", 300)
        assert done() < waiting, "many wait still"
    peak_kb = int(Path(f"/proc/{processor.pid}/status").read_text().partition("VmHWM:")[2].split()[0])
    in_kafka_kb = waiting * sum(len(scrape.document or b"") for scrape in window) // len(window) // 1000
    assert peak_kb < 300_000, f"{peak_kb} kB for {in_kafka_kb} kB in Kafka"


def test_partitions_that_are_added_are_processed_once_the_workers_were_restarted(pipeline: Pipeline) -> None:
    """A node that moves to another partition begins there without rates: the window after that is whole again."""
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
        found, expected = (_of_windows(each.content(), whole) for each in (pipeline.database, pipeline.expected))
        return differences(found, expected)[:20]

    with suppress(pytest.fail.Exception):  # the differences say more
        wait_until(lambda: not differ(), "the points of all windows but one", 120)
    assert differ() == []


def _of_windows(content: Content, ends_ns: list[int]) -> Content:
    return {
        name: frozenset(row for row in rows if json.loads(row)["time"] in ends_ns) for name, rows in content.items()
    }


def test_late_doubled_and_out_of_order_records_make_the_same_points(pipeline: Pipeline) -> None:
    windows = recorded(8)
    first, second, *rest = windows
    pipeline.expect([first, second, *rest])
    again = [replace(scrape, scraped_at_ns=scrape.scraped_at_ns + 1, document=b"{}") for scrape in second]
    recorder = Recorder(pipeline.kafka.bootstrap)
    pipeline.processor()
    pipeline.writer()
    recorder.send([*first, *second, *second, *again])  # a second scrape of a window is dropped, whatever it says
    for window in rest:
        recorder.send(reversed(window))
    pipeline.reaches_what_is_expected()


def test_poison_goes_to_the_dead_letters_and_the_rest_goes_on(pipeline: Pipeline) -> None:
    windows = recorded(4)
    pipeline.expect(windows)
    recorder = Recorder(pipeline.kafka.bootstrap)
    poisoned = windows[1][0]
    end_ns = poisoned.window_end_ns
    for number, value in enumerate(
        (b"not Avro", b"\xc3\x01" + bytes(8) + b"x", encode_scrape(replace(poisoned, document=b"{nonsense")))
    ):
        recorder.send_bytes(f"default/{poisoned.node}", value, poisoned.node, end_ns - 1_000_000 * number)
    recorder.flush()
    pipeline.processor()
    pipeline.writer()
    recorder.send(chain.from_iterable(windows))
    pipeline.reaches_what_is_expected()
    listed = _dead_letters(pipeline, "list")
    assert len(listed) == 3
    for reason in ("not Avro single-object encoding", "unknown schema fingerprint", "not JSON"):
        (line,) = (line for line in listed if reason in line)
        assert "kubelet-stats-dead-letter/" in line
    name = listed[0].split()[0]
    shown = "\n".join(_dead_letters(pipeline, "show", name))
    assert "record: kubelet-stats/" in shown
    assert _dead_letters(pipeline, "requeue", name) == ["1 records sent again"]
    wait_until(lambda: len(_dead_letters(pipeline, "list")) == 4, "the letter back again: its cause is not mended")


def _dead_letters(pipeline: Pipeline, command: str, *arguments: str) -> list[str]:
    answer = subprocess.run(
        [sys.executable, "-m", "heapster_stream", "dead-letters", command, pipeline.brokers, *arguments],
        check=True,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return answer.stdout.splitlines()


def test_told_to_stop_each_service_ends_within_ten_seconds(pipeline: Pipeline) -> None:
    Recorder(pipeline.kafka.bootstrap).send(chain.from_iterable(recorded(3)))
    workers = [pipeline.processor(), pipeline.writer()]
    wait_until(lambda: pipeline.database.points() > 0, "the first points")
    assert [worker.stop(within_s=10) for worker in workers] == [0, 0]
