"""Outages of InfluxDB: the points wait in Kafka, and nothing is lost."""

import random
import resource
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from schemas.metric_batch import encode_batch
from tests.integration.writer_pipeline import (
    ProxiedInfluxDB,
    StartWriter,
    WriterPipeline,
    batch,
    influxdb_sink,
    influxql,
    points_in,
    points_of,
)
from tests.waiting import wait_until
from tools.chaos.gate import RETRY_AFTER_S, Gate, Mood


def test_a_database_dropped_while_the_writer_runs_is_created_again(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    start_writer(influxdb_sink(influxdb, influx_database))
    writer_pipeline.send(batch("n1", 0))
    wait_until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1", 0)]), "the first window")
    influxql(influxdb, f'DROP DATABASE "{influx_database}"')
    writer_pipeline.send(batch("n1", 1))
    wait_until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1", 1)]), "the second window")


def test_an_outage_of_one_sink_does_not_delay_another(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str, silent_server: str
) -> None:
    batches = [batch(f"n{number}") for number in range(8)]
    writer_pipeline.send(*batches)
    writer = start_writer(f"influxdb:{silent_server}?db=a", influxdb_sink(influxdb, influx_database))
    wait_until(lambda: points_in(influxdb, influx_database) == points_of(batches), "the points of the available sink")
    names = [line["sink"] for line in writer.logged("writing")]
    wait_until(lambda: writer_pipeline.committed(names[1]) == 8, "the offsets of the available sink")
    assert writer_pipeline.committed(names[0]) == 0


def test_sigterm_stops_the_writer_within_ten_seconds_while_influxdb_hangs(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, silent_server: str
) -> None:
    writer_pipeline.send(batch("n1"))
    writer = start_writer(f"influxdb:{silent_server}?db=a")
    writer.wait_for_log("partitions assigned")
    wait_until(
        lambda: Path(f"/proc/{writer.process.pid}/net/tcp").exists() and connected(silent_server),
        "a write is in flight",
    )
    assert writer.stop(within_s=10) == 0
    assert writer_pipeline.committed(writer.logged("writing")[0]["sink"]) == 0


def connected(url: str) -> bool:
    """Whether a process has a connection to the port of this URL."""
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
    writer_pipeline: WriterPipeline,
    start_writer: StartWriter,
    influxdb: Any,
    influx_database: str,
    mood: Mood,
    reason: str,
) -> None:
    with Gate(influxdb.url) as gate:
        writer = start_writer(influxdb_sink(ProxiedInfluxDB(gate.url), influx_database))
        writer_pipeline.send(batch("n1", 0))
        wait_until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1", 0)]), "the first window")
        name = writer.logged("writing")[0]["sink"]
        wait_until(lambda: writer_pipeline.committed(name) == 1, "the first window is committed")
        gate.mood = mood
        writer_pipeline.send(batch("n1", 1))
        wait_until(lambda: len(gate.disturbed_s) >= 4, "several attempts")
        assert writer_pipeline.committed(name) == 1
        gate.mood = "pass"
        expected = points_of([batch("n1", 0), batch("n1", 1)])
        wait_until(lambda: points_in(influxdb, influx_database) == expected, "the second window")
    waited_s = [after - before for before, after in pairwise(gate.disturbed_s)]
    assert min(waited_s) >= RETRY_AFTER_S
    (line,) = writer.logged("sink unavailable")
    assert reason in line["error"]
    assert writer.stop() == 0


def test_nothing_is_committed_while_influxdb_hangs_or_its_responses_are_lost(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    with Gate(influxdb.url) as gate:
        writer = start_writer(influxdb_sink(ProxiedInfluxDB(gate.url), influx_database))
        writer.wait_for_log("writing")
        name = writer.logged("writing")[0]["sink"]
        gate.mood = "lose answers"
        writer_pipeline.send(batch("n1", 0))
        wait_until(lambda: len(gate.disturbed_s) >= 3, "several attempts")
        assert writer_pipeline.committed(name) == 0, "not acknowledged, so not committed"
        gate.mood = "hang"
        writer.wait_for_log("sink unavailable")
        wait_until(
            lambda: any("no answer within 30 s" in each["error"] for each in writer.logged("sink unavailable")),
            "the timeout of 30 s is logged",
        )
        assert writer_pipeline.committed(name) == 0
        gate.mood = "pass"
        writer_pipeline.send(batch("n1", 1))
        wait_until(lambda: writer_pipeline.committed(name) == 2, "all records are committed")
    assert points_in(influxdb, influx_database) == points_of([batch("n1", 0), batch("n1", 1)])
    assert writer.stop() == 0


@pytest.mark.long
def test_points_wait_in_kafka_while_influxdb_is_down_for_two_minutes(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, own_influxdb: Any
) -> None:
    influx = own_influxdb()
    writer = start_writer(influxdb_sink(influx, "k8s"))
    writer_pipeline.send(batch("n1", 0))
    wait_until(lambda: points_in(influx, "k8s") == points_of([batch("n1", 0)]), "the first window")
    influx.stop()
    writer_pipeline.send(*(batch("n1", window) for window in range(1, 4)))
    writer.wait_for_log("sink unavailable")
    time.sleep(120)
    writer_pipeline.send(*(batch("n1", window) for window in range(4, 6)))
    assert writer_pipeline.committed(writer.logged("writing")[0]["sink"]) == 1
    influx.start()
    expected = points_of(batch("n1", window) for window in range(6))
    wait_until(lambda: points_in(influx, "k8s") == expected, "the points that waited in Kafka")
    wait_until(lambda: bool(writer.logged("sink available again")), "the end of the outage is logged")
    assert len(writer.logged("sink unavailable")) <= 3  # connection refused, then possibly errors of the start-up
    assert writer.stop() == 0


def test_points_wait_in_kafka_while_the_disk_of_influxdb_is_full(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, own_influxdb: Any
) -> None:
    influx = own_influxdb()
    writer = start_writer(influxdb_sink(influx, "k8s"))
    writer_pipeline.send(batch("n1", 0))
    wait_until(lambda: points_in(influx, "k8s") == points_of([batch("n1", 0)]), "the first window")
    name = writer.logged("writing")[0]["sink"]
    wait_until(lambda: writer_pipeline.committed(name) == 1, "the first window is committed")
    resource.prlimit(influx.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))  # no file can grow
    writer_pipeline.send(batch("n1", 1), batch("n1", 2))
    writer.wait_for_log("sink unavailable")
    (line,) = writer.logged("sink unavailable")
    assert "HTTP 500: engine: " in line["error"]
    assert "file too large" in line["error"]
    assert writer_pipeline.committed(name) == 1
    influx.kill()
    influx.start()  # without the limit
    expected = points_of(batch("n1", window) for window in range(3))
    wait_until(lambda: points_in(influx, "k8s") == expected, "the points that waited in Kafka")
    assert writer.logged("dead letter sent") == []
    assert writer.stop() == 0


def test_a_wrong_password_is_logged_and_loses_nothing(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, own_influxdb: Any
) -> None:
    influx = own_influxdb()
    influxql(influx, "CREATE USER heapster WITH PASSWORD 'right' WITH ALL PRIVILEGES")
    writer_pipeline.send(batch("n1"))
    writer = start_writer(f"influxdb:{influx.url}?user=heapster&pw=wrong+one")
    writer.wait_for_log("sink unavailable")
    (line,) = writer.logged("sink unavailable")
    assert line["error"] == (
        f"InfluxDB at {influx.url}: HTTP 401: authorization failed (check user and pw, or the token)"
    )
    assert writer_pipeline.committed(writer.logged("writing")[0]["sink"]) == 0
    influxql(influx, "SET PASSWORD FOR heapster = 'wrong one'")
    wait_until(lambda: bool(writer.logged("records written")), "points are written with the corrected password")
    assert points_in(influx, "k8s") == points_of([batch("n1")])


def test_memory_is_bounded_during_an_outage(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, own_influxdb: Any
) -> None:
    influx = own_influxdb()
    influx.stop()
    numbers = random.Random(1)  # random values, so that the records compress no better than real ones
    values = [
        encode_batch(batch(f"n{number % 20}", values={f"custom/{i}": numbers.getrandbits(62) for i in range(100)}))
        for number in range(2000)
    ]
    for number in range(100_000):
        writer_pipeline.send_bytes(f"n{number % 20}".encode(), values[number % len(values)])
    writer_pipeline.flush()
    writer = start_writer(influxdb_sink(influx, "k8s"))
    writer.wait_for_log("sink unavailable")
    wait_until(lambda: len(writer.logged("partitions assigned")) > 0, "partitions are assigned")
    status = Path(f"/proc/{writer.process.pid}/status")
    peaks_kb: list[int] = []
    ends_at = time.monotonic() + 5
    while time.monotonic() < ends_at:
        peaks_kb.append(int(status.read_text().partition("VmHWM:")[2].split()[0]))
        time.sleep(0.1)
    assert peaks_kb[-1] < 250_000, f"{peaks_kb[-1]} kB for {100_000 * len(values[0]) // 1000} kB in Kafka"
