"""The sinks `file` and `kafka` of a writer against a real Kafka."""

import dataclasses
import math
import resource
import signal
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from runtime.kafka import KafkaSettings, consumer_settings
from runtime.topics import ensure_topics
from schemas.topics import Topic
from tests.integration.writer_pipeline import (
    FLUSH_TIMEOUT_S,
    StartWriter,
    WriterPipeline,
    batch,
)
from tests.waiting import wait_until
from writer.lines.render import PointSchema, render
from writer.lines.render_json import render_json


def test_a_file_has_every_line_after_a_full_disk_a_rotation_and_a_kill(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, tmp_path: Path
) -> None:
    batches = [batch(f"n{number}", window) for number in range(20) for window in range(20)]
    accepted = [  # by the filter: without the labeled values of file systems
        dataclasses.replace(each, sets=tuple(metric_set._replace(labeled=()) for metric_set in each.sets))
        for each in batches
    ]
    expected = {line for each in accepted for line in render(each, PointSchema()).lines}
    path, moved = tmp_path / "points.lp", tmp_path / "points.lp.1"
    to_file = f"file:{path}?exclude_metrics=filesystem/*"

    def lines() -> list[str]:
        return [line for each in (moved, path) if each.exists() for line in each.read_text().splitlines()]

    writer_pipeline.send(*batches[:100])
    writer = start_writer(to_file)
    wait_until(lambda: len(lines()) >= 300, "the first points")
    path.rename(moved)
    writer.send_signal(signal.SIGHUP)
    writer_pipeline.send(*batches[100:200])
    wait_until(lambda: len(lines()) >= 600, "points in the new file")
    moved_size = moved.stat().st_size
    resource.prlimit(writer.process.pid, resource.RLIMIT_FSIZE, (path.stat().st_size + 1000, resource.RLIM_INFINITY))
    writer_pipeline.send(*batches[200:300])
    writer.wait_for_log("sink unavailable")
    writer.kill()
    writer_pipeline.send(*batches[300:])
    writer = start_writer(to_file)
    wait_until(lambda: writer_pipeline.committed(f"file-{path}-values") == len(batches), "all records are committed")
    assert writer.stop() == 0
    assert moved.stat().st_size == moved_size
    assert set(lines()) == expected


def messages_in(brokers: str, topic: str) -> list[tuple[bytes | None, bytes]]:
    """Key and value of every message in a topic."""
    consumer = Consumer(consumer_settings(KafkaSettings(brokers), "test", f"messages-{uuid.uuid4()}"))
    partitions = [TopicPartition(topic, number) for number in consumer.list_topics(topic).topics[topic].partitions]
    count = sum(consumer.get_watermark_offsets(partition)[1] for partition in partitions)
    consumer.assign([TopicPartition(topic, partition.partition, 0) for partition in partitions])
    found: list[tuple[bytes | None, bytes]] = []
    try:
        while len(found) < count:
            message = consumer.poll(FLUSH_TIMEOUT_S)
            assert message is not None
            assert message.error() is None
            found.append((message.key(), message.value()))
    finally:
        consumer.close()
    return found


def test_messages_for_a_kafka_sink_wait_while_that_kafka_is_down(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, own_kafka: Callable[[], Any]
) -> None:
    target = own_kafka()
    topic = Topic(name="heapster-metrics", retention_ms=-1, settings={"max.message.bytes": "2000"})
    ensure_topics(KafkaSettings(target.bootstrap), [topic], partitions=3)
    batches = [batch(f"n{number}", window) for number in range(10) for window in range(10)]
    with_nan = batch("odd", values={"cpu/node_utilization": math.nan, "uptime": 1})
    (large,) = batch("large", values={"cpu/usage_rate": 1}).sets
    large = large._replace(labels={**large.labels, "labels": "".join(map(str, range(2000)))}, labeled=())
    too_large = dataclasses.replace(batch("large"), sets=(large,))
    writer_pipeline.send(*batches[:50])
    to_kafka = f"kafka:?brokers={target.bootstrap}&compression=lz4"
    name = f"kafka-{target.bootstrap}-{topic.name}"
    writer = start_writer(to_kafka)
    wait_until(lambda: writer_pipeline.committed(name) == 50, "the first 50 records are committed")
    target.stop()
    writer_pipeline.send(*batches[50:], with_nan, too_large)
    writer.wait_for_log("sink unavailable")
    assert writer_pipeline.committed(name) == 50
    target.launch()
    wait_until(lambda: writer_pipeline.committed(name) == 102, "all records are committed")
    assert writer.stop() == 0
    expected = {line.encode() for each in [*batches, with_nan] for line in render_json(each).lines}
    found = messages_in(target.bootstrap, topic.name)
    assert {value for _, value in found} == expected
    assert {key for key, _ in found} == {None}
    (dead_letter,) = writer_pipeline.dead_letters(1)
    assert "too large" in dead_letter.headers["reason"]
    assert dead_letter.headers["refused-lines"].splitlines() == render_json(too_large).lines
