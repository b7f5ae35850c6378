"""The programs of docs/examples, as a reader of the documents starts them."""

import json
import sys
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer

from runtime.kafka import KafkaSettings, producer_settings
from runtime.topics import ensure_topics
from schemas.metric_batch import LabeledValues, MetricBatch, encode_batch
from schemas.topics import Topic
from tests.integration.recordings import batches_of, recorded
from tests.waiting import wait_until
from tools.stack.process import Process

EXAMPLE: Final = Path(__file__).parents[2] / "docs" / "examples" / "read_derived_metrics.py"


def printed(batch: MetricBatch) -> list[Any]:
    """What the example prints of a batch, without its order."""
    lines = []
    for metric_set in batch.sets:
        times = {
            name: value
            for name in ("collection_start_ns", "entity_create_ns", "scrape_ns")
            if (value := getattr(metric_set, name)) is not None
        }
        rows = [*metric_set.labeled, LabeledValues(metric_set.labels, {**times, **metric_set.values})]
        keys = [*([None] * len(metric_set.labeled)), metric_set.key]
        lines += [
            [batch.cluster, batch.window_end_ns, key, row.labels, row.values]
            for key, row in zip(keys, rows, strict=True)
        ]
    return lines


def in_order(lines: list[Any]) -> list[str]:
    return sorted(json.dumps(line, sort_keys=True) for line in lines)


def test_derived_metrics_are_read_without_this_project(kafka: Any, topic_suffix: str, tmp_path: Path) -> None:
    topic = Topic(name=f"derived-metrics{topic_suffix}", retention_ms=-1)
    ensure_topics(KafkaSettings(kafka.bootstrap), [topic], partitions=3)
    producer = Producer(producer_settings(KafkaSettings(kafka.bootstrap), "test"))
    producer.produce(topic.name, key="nobody", value=b"not Avro")
    batches = batches_of(recorded(2))
    for batch in batches:
        producer.produce(topic.name, key=batch.key, value=encode_batch(batch))
    assert producer.flush(60) == 0

    expected = [line for batch in batches for line in printed(batch)]
    command = (sys.executable, "-I", str(EXAMPLE), kafka.bootstrap, topic.name)
    example = Process("example", command, tmp_path / "example.log").launch()
    try:
        wait_until(lambda: example.text.count("\n") > len(expected), "a line for each metric set")
    finally:
        example.kill()
    lines = example.text.splitlines()
    assert in_order([json.loads(line) for line in lines if line.startswith("[")]) == in_order(expected)
    assert [line for line in lines if not line.startswith("[")] == ["of another version than is read here: b'nobody'"]
