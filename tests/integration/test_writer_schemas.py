"""The writer against a real Kafka and InfluxDB: points in both schemas, retention, versions of sums."""

import dataclasses
import time
from typing import Any

from schemas.metric_batch import MetricBatch
from tests.integration.writer_pipeline import (
    MINUTE_NS,
    StartWriter,
    WriterPipeline,
    batch,
    influxdb_sink,
    influxql,
    points_in,
    points_of,
)
from tests.waiting import wait_until


def test_every_point_is_written_in_both_schemas(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    batches = [batch(f"n{number}", window) for number in range(5) for window in range(10)]
    writer_pipeline.send(*batches)
    fields = f"{influx_database}_fields"
    start_writer(
        influxdb_sink(influxdb, influx_database),
        influxdb_sink(influxdb, fields, "&withfields=true&cluster_name=prod&concurrency=3"),
    )
    expected = points_of(batches)
    wait_until(lambda: points_in(influxdb, influx_database) == expected, "all points, one measurement per metric")
    expected = points_of(batches, with_fields=True, cluster="prod")
    wait_until(lambda: points_in(influxdb, fields) == expected, "all points, one measurement per group of metrics")
    influxql(influxdb, f'DROP DATABASE "{fields}"')


def test_the_retention_option_is_applied_and_can_be_changed(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    def durations() -> dict[str, str]:
        (series,) = influxql(influxdb, f'SHOW RETENTION POLICIES ON "{influx_database}"')["series"]
        return {row[0]: row[1] for row in series["values"]}

    recent = dataclasses.replace(batch("n1"), window_end_ns=time.time_ns() // MINUTE_NS * MINUTE_NS)
    writer_pipeline.send(recent)
    writer = start_writer(influxdb_sink(influxdb, influx_database))
    wait_until(lambda: points_in(influxdb, influx_database) == points_of([recent]), "the points")
    assert durations()["default"] == "0s"
    assert writer.stop() == 0
    writer_pipeline.send(batch("n2"), recent)  # the first, of 2024, is older than the retention
    writer = start_writer(influxdb_sink(influxdb, influx_database, "&retention=7d"))
    writer.wait_for_log("records written")
    assert durations()["default"] == "168h0m0s"
    assert points_in(influxdb, influx_database) == points_of([recent])
    assert writer.logged("dead letter sent") == []


def test_a_partial_sum_does_not_overwrite_a_complete_one(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    def total(nodes: int) -> MetricBatch:
        return batch("cluster", nodes=nodes, kind="cluster", values={"cpu/usage_rate": 10 * nodes})

    start_writer(influxdb_sink(influxdb, influx_database))
    writer_pipeline.send(total(3))
    wait_until(lambda: points_in(influxdb, influx_database) == points_of([total(3)]), "the complete sum")
    writer_pipeline.send(total(2), batch("after", kind="cluster", values={"uptime": 1}))
    writer_pipeline.send(*(batch(f"n{number}") for number in range(8)))
    others = points_of([batch("after", kind="cluster", values={"uptime": 1}), *(batch(f"n{n}") for n in range(8))])
    wait_until(lambda: points_in(influxdb, influx_database) == points_of([total(3)]) | others, "the later points")
