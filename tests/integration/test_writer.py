"""Writer processes against a real Kafka and InfluxDB: the command, killed writers, shared partitions."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.integration.writer_pipeline import (
    PARTITIONS,
    StartWriter,
    WriterPipeline,
    WriterProcess,
    batch,
    influxdb_sink,
    points_in,
    points_of,
)
from tests.waiting import wait_until


def test_the_command_writes_to_the_sinks_of_the_environment_variable(
    kafka: Any, influxdb: Any, influx_database: str, tmp_path: Path
) -> None:
    environment = os.environ | {
        "HEAPSTER_KAFKA_BROKERS": kafka.bootstrap,
        "HEAPSTER_SINK": f"{influxdb_sink(influxdb, influx_database)} log",
    }
    log = tmp_path / "log"
    with log.open("wb") as stderr, (tmp_path / "out").open("wb") as stdout:
        process = subprocess.Popen([sys.executable, "-m", "writer"], env=environment, stderr=stderr, stdout=stdout)
    try:
        wait_until(lambda: log.read_text().count('"partitions assigned"') >= 2, "partitions are assigned to both sinks")
    finally:
        process.terminate()
        assert process.wait(10) == 0


def test_nothing_is_lost_or_duplicated_when_a_writer_is_killed_repeatedly(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    values = {f"custom/{number}": number for number in range(200)}
    batches = [batch(f"n{number}", window, values=values) for window in range(20) for number in range(20)]
    writer_pipeline.send(*batches)
    for _ in range(2):
        writer = start_writer(influxdb_sink(influxdb, influx_database))
        writer.wait_for_log("records written")
        writer.kill()
        name = writer.logged("writing")[0]["sink"]
        assert writer_pipeline.committed(name) < len(batches), "killed in the middle"
    writer = start_writer(influxdb_sink(influxdb, influx_database))
    wait_until(lambda: writer_pipeline.committed(name) == len(batches), "all records are committed")
    assert points_in(influxdb, influx_database) == points_of(batches)
    assert writer.stop() == 0


def test_writers_with_one_sink_share_the_partitions_and_take_over(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    def assigned(writer: WriterProcess) -> set[int]:
        held: set[int] = set()
        for line in writer.log:
            held |= set(line["partitions"]) if line["message"] == "partitions assigned" else set()
            held -= set(line["partitions"]) if line["message"] == "partitions revoked" else set()
        return held

    first, second = (
        start_writer(influxdb_sink(influxdb, influx_database)),
        start_writer(influxdb_sink(influxdb, influx_database)),
    )
    wait_until(lambda: len(assigned(first)) == len(assigned(second)) == PARTITIONS // 2, "half of the partitions each")
    windows = [batch(f"n{number}", window) for window in range(2) for number in range(12)]
    writer_pipeline.send(*windows[:12])
    wait_until(lambda: points_in(influxdb, influx_database) == points_of(windows[:12]), "the first window")
    assert second.stop() == 0
    writer_pipeline.send(*windows[12:])
    wait_until(lambda: points_in(influxdb, influx_database) == points_of(windows), "the second window")
    assert first.stop() == 0
