"""Existing topics: accepted, or rejected with the command that changes their settings."""

import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from schemas.topics import MAX_RECORD_BYTES
from tools.stack.kafka import Kafka


def ran(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heapster_stream", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)


def create(kafka: Kafka, topic: str, settings: Mapping[str, str], partitions: int = 3) -> None:
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap})
    any_time = {"message.timestamp.after.max.ms": str(2**63 - 1)}
    admin.create_topics([NewTopic(topic, partitions, config=any_time | settings)])[topic].result(30)


@pytest.mark.parametrize(
    ("command", "topic", "settings", "change"),
    [
        ("topics", "kubelet-stats", {"max.message.bytes": "1048588"}, f"max.message.bytes={MAX_RECORD_BYTES}"),
        (
            "processor",
            "kubelet-stats",
            {"max.message.bytes": "9000000", "cleanup.policy": "compact"},
            "cleanup.policy=delete",
        ),
        (
            "processor",
            "heapster-processor-groups-changelog",
            {"max.message.bytes": "9000000"},
            "cleanup.policy=compact,min.compaction.lag.ms=600000",
        ),
    ],
)
def test_a_topic_that_would_lose_records_is_a_start_up_error(
    own_kafka: Callable[[], Kafka], command: str, topic: str, settings: Mapping[str, str], change: str
) -> None:
    kafka = own_kafka()
    create(kafka, topic, settings)
    done = ran(command, f"--kafka-brokers={kafka.bootstrap}")
    assert done.returncode == 2
    error = done.stderr.splitlines()[-1]
    assert error.startswith(f"heapster-stream: the topic {topic} has ")
    assert error.endswith(
        f"Run kafka-configs.sh --bootstrap-server {kafka.bootstrap} --alter"
        f" --entity-type topics --entity-name {topic} --add-config {change}"
    )


def test_topics_with_harmless_differences_are_accepted(own_kafka: Callable[[], Kafka]) -> None:
    kafka = own_kafka()
    create(kafka, "kubelet-stats", {"max.message.bytes": "9000000", "retention.ms": "3600000"})
    done = ran("topics", f"--kafka-brokers={kafka.bootstrap}", "--partitions=2", "--replication-factor=1")
    assert done.returncode == 0, done.stderr
    assert "kubelet-stats: 3 partitions (not 2: the topic already existed)" in done.stdout
    assert (
        f"  unchanged: retention.ms=3600000, not {30 * 24 * 3600 * 1000}. To change it: kafka-configs.sh"
        f" --bootstrap-server {kafka.bootstrap} --alter --entity-type topics --entity-name kubelet-stats"
        " --add-config retention.ms="
    ) in done.stdout
    assert "derived-metrics: 2 partitions" in done.stdout
    assert "heapster-processor-samples-changelog: 3 partitions" in done.stdout


def test_a_different_replication_factor_is_reported(own_kafka: Callable[[], Kafka]) -> None:
    kafka = own_kafka()
    assert ran("topics", f"--kafka-brokers={kafka.bootstrap}").returncode == 0
    done = ran("topics", f"--kafka-brokers={kafka.bootstrap}", "--replication-factor=3")
    assert done.returncode == 0, done.stderr
    line = "  unchanged: replication factor 1, not 3. To change it: kafka-reassign-partitions.sh"
    assert done.stdout.splitlines().count(line) == 5
