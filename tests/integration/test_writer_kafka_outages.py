"""Outages of Kafka and lost consumer sessions: nothing is lost, and nothing is overwritten with older points."""

import signal
from typing import Any

from schemas.metric_batch import MetricBatch
from tests.integration.writer_pipeline import (
    StartWriter,
    WriterPipeline,
    batch,
    influxdb_sink,
    points_in,
    points_of,
)
from tests.waiting import wait_until


def test_the_writer_continues_after_kafka_was_killed_and_restarted(
    start_writer: StartWriter, own_kafka: Any, influxdb: Any, influx_database: str
) -> None:
    kafka = own_kafka()
    pipeline = WriterPipeline(kafka.bootstrap)
    writer = start_writer(influxdb_sink(influxdb, influx_database), pipeline=pipeline)
    pipeline.send(batch("n1", 0), batch("n2", 0))
    wait_until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1", 0), batch("n2", 0)]), "window 0")
    kafka.kill()
    kafka.start()
    pipeline.send(batch("n1", 1), batch("n2", 1))
    expected = points_of(batch(node, window) for node in ("n1", "n2") for window in (0, 1))
    wait_until(lambda: points_in(influxdb, influx_database) == expected, "window 1")
    assert writer.stop() == 0


def test_a_writer_suspended_beyond_its_session_does_not_write_its_buffered_records(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, own_influxdb: Any
) -> None:
    def total(nodes: int) -> MetricBatch:
        return batch("cluster", nodes=nodes, kind="cluster", values={"cpu/usage_rate": 10 * nodes})

    influx, before = own_influxdb(), batch("n1")
    writer_pipeline.send(before)
    zombie = start_writer(influxdb_sink(influx, "k8s"))
    wait_until(lambda: points_in(influx, "k8s") == points_of([before]), "the writer writes")
    influx.stop()
    writer_pipeline.send(total(1))
    zombie.wait_for_log("sink unavailable")
    zombie.send_signal(signal.SIGSTOP)
    influx.start()
    writer_pipeline.send(total(2))
    start_writer(influxdb_sink(influx, "k8s"))
    wait_until(lambda: points_in(influx, "k8s") == points_of([before, total(2)]), "another writer takes over")
    zombie.send_signal(signal.SIGCONT)
    zombie.wait_for_log("process was suspended for longer")
    wait_until(lambda: len(zombie.logged("partitions assigned")) > 1, "it rejoins the group")
    assert points_in(influx, "k8s") == points_of([before, total(2)])
