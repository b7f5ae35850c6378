"""The commands `dead-letters list` and `dead-letters requeue` against a real Kafka."""

import subprocess
import sys
import uuid
from collections.abc import Iterable

import pytest
from confluent_kafka import Producer

from runtime.dead_letter import SINK, headers
from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader
from runtime.topics import ensure_topics
from schemas.topics import Topic, topics
from tools.stack.kafka import Kafka


class DeadLetterTopics:
    """The topics of a pipeline without services; the test produces the dead letters of its writers."""

    def __init__(self, bootstrap: str) -> None:
        self.kafka = KafkaSettings(bootstrap, prefix=f"{uuid.uuid4().hex[:8]}.", partitions=2)
        self.topics = topics(self.kafka.prefix)
        ensure_topics(self.kafka, self.topics.all)

    def reject(self, offset: int, *, sinks: Iterable[str]) -> None:
        """Produce a dead letter of each sink for the record at this offset of derived-metrics."""
        producer = Producer({"bootstrap.servers": self.kafka.brokers})
        for sink in sinks:
            values = headers("no", topic=self.topics.derived_metrics.name, partition=1, offset=offset, by="writer")
            values |= {SINK: sink.encode()}
            topic = self.topics.derived_metrics_dead_letter.name
            producer.produce(topic, key=b"k", value=b"bad", partition=0, headers=list(values.items()))
        assert producer.flush(30) == 0

    def run(self, *arguments: str) -> tuple[list[str], str]:
        """Run a command; return the lines of standard output, and standard error."""
        flags = (f"--kafka-brokers={self.kafka.brokers}", f"--topic-prefix={self.kafka.prefix}")
        command = [sys.executable, "-m", "heapster_stream", "dead-letters", *arguments, *flags]
        completed = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        return completed.stdout.splitlines(), completed.stderr.strip()

    def count(self, topic: Topic) -> int:
        with TopicReader(self.kafka, "test") as reader:
            return sum(end - begin for begin, end in reader.bounds(topic.name).values())


@pytest.fixture
def dead_letters(kafka: Kafka) -> DeadLetterTopics:
    return DeadLetterTopics(kafka.bootstrap)


def test_a_record_rejected_by_two_sinks_is_sent_again_only_once(dead_letters: DeadLetterTopics) -> None:
    dead_letters.reject(7, sinks=("influxdb-a", "influxdb-b"))
    assert dead_letters.run("requeue", "--all") == (
        ["1 records sent again"],
        "1 dead letters skipped: their records were already sent again",
    )
    assert dead_letters.run("requeue", "--all")[0] == ["0 records sent again"]
    name = dead_letters.run("list")[0][0].split()[0]
    assert dead_letters.run("requeue", name)[0] == ["0 records sent again"]
    assert dead_letters.count(dead_letters.topics.derived_metrics) == 1


def test_a_record_rejected_again_can_be_sent_again(dead_letters: DeadLetterTopics) -> None:
    dead_letters.reject(7, sinks=("influxdb-a",))
    dead_letters.run("requeue", "--all")
    dead_letters.reject(8, sinks=("influxdb-a",))
    assert dead_letters.run("requeue", "--all")[0] == ["1 records sent again"]
    assert dead_letters.count(dead_letters.topics.derived_metrics) == 2


def test_the_list_shows_the_rejecting_sink_and_the_records_sent_again(dead_letters: DeadLetterTopics) -> None:
    dead_letters.reject(7, sinks=("influxdb-a", "influxdb-b"))
    dead_letters.run("requeue", "--all")
    dead_letters.reject(8, sinks=("influxdb-a",))
    listed, summary = dead_letters.run("list")
    shown = [(line.split("  ")[2], line.endswith("(sent again)")) for line in listed]
    assert shown == [("writer influxdb-a", True), ("writer influxdb-b", True), ("writer influxdb-a", False)]
    assert summary == "3 dead letters, 2 of them sent again"


def test_a_record_that_is_not_a_dead_letter_is_skipped(dead_letters: DeadLetterTopics) -> None:
    producer = Producer({"bootstrap.servers": dead_letters.kafka.brokers})
    producer.produce(dead_letters.topics.derived_metrics_dead_letter.name, b"somebody else's", partition=0)
    assert producer.flush(30) == 0
    dead_letters.reject(7, sinks=("influxdb-a",))
    sent, summary = dead_letters.run("requeue", "--all")
    assert sent == ["1 records sent again"]
    assert summary.endswith("/0/0 skipped: its headers do not name the original record")


@pytest.mark.parametrize("command", [("dead-letters", "list"), ("topics",)])
def test_an_unreachable_kafka_is_reported_in_one_line(command: tuple[str, ...]) -> None:
    arguments = [sys.executable, "-m", "heapster_stream", *command, "--kafka-brokers=127.0.0.1:1"]
    completed = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=60)
    assert completed.returncode == 1
    (line,) = completed.stderr.splitlines()
    assert line.startswith("heapster-stream: Kafka at 127.0.0.1:1 does not answer: ")
    assert "Connection refused" in line
