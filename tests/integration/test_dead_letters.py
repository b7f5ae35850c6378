"""Dead letters looked at and sent again, as an operator does it."""

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


class Letters:
    """The dead letters of a pipeline that runs nowhere: what writers would reject is put there by hand."""

    def __init__(self, bootstrap: str) -> None:
        self.kafka = KafkaSettings(bootstrap, prefix=f"{uuid.uuid4().hex[:8]}.", partitions=2)
        self.topics = topics(self.kafka.prefix)
        ensure_topics(self.kafka, self.topics.all)

    def reject(self, offset: int, *, sinks: Iterable[str]) -> None:
        """The writer of each sink rejects the record at that offset of derived-metrics."""
        producer = Producer({"bootstrap.servers": self.kafka.brokers})
        for sink in sinks:
            told = headers("no", topic=self.topics.derived_metrics.name, partition=1, offset=offset, by="writer")
            letter = told | {SINK: sink.encode()}
            topic = self.topics.derived_metrics_dead_letter.name
            producer.produce(topic, key=b"k", value=b"bad", partition=0, headers=list(letter.items()))
        assert producer.flush(30) == 0

    def run(self, *arguments: str) -> tuple[list[str], str]:
        """What a command says on standard output and at the end of standard error."""
        known = (f"--kafka-brokers={self.kafka.brokers}", f"--topic-prefix={self.kafka.prefix}")
        command = [sys.executable, "-m", "heapster_stream", "dead-letters", *arguments, *known]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        return done.stdout.splitlines(), done.stderr.strip()

    def count(self, topic: Topic) -> int:
        with TopicReader(self.kafka, "test") as reader:
            return sum(end - begin for begin, end in reader.bounds(topic.name).values())


@pytest.fixture
def letters(kafka: Kafka) -> Letters:
    return Letters(kafka.bootstrap)


def test_a_record_that_two_sinks_reject_is_sent_again_once_however_often(letters: Letters) -> None:
    letters.reject(7, sinks=("influxdb-a", "influxdb-b"))
    assert letters.run("requeue", "--all") == (
        ["1 records sent again"],
        "1 letters left out: their records have been sent again already",
    )
    assert letters.run("requeue", "--all")[0] == ["0 records sent again"]
    named = letters.run("list")[0][0].split()[0]
    assert letters.run("requeue", named)[0] == ["0 records sent again"]
    assert letters.count(letters.topics.derived_metrics) == 1


def test_what_is_rejected_again_can_be_sent_again(letters: Letters) -> None:
    letters.reject(7, sinks=("influxdb-a",))
    letters.run("requeue", "--all")
    letters.reject(8, sinks=("influxdb-a",))
    assert letters.run("requeue", "--all")[0] == ["1 records sent again"]
    assert letters.count(letters.topics.derived_metrics) == 2


def test_the_list_says_which_sink_rejected_and_what_has_been_sent_again(letters: Letters) -> None:
    letters.reject(7, sinks=("influxdb-a", "influxdb-b"))
    letters.run("requeue", "--all")
    letters.reject(8, sinks=("influxdb-a",))
    listed, told = letters.run("list")
    told_of = [(line.split("  ")[2], line.endswith("(sent again)")) for line in listed]
    assert told_of == [("writer influxdb-a", True), ("writer influxdb-b", True), ("writer influxdb-a", False)]
    assert told == "3 dead letters, 2 of them sent again"


def test_a_record_that_is_no_letter_is_left_out(letters: Letters) -> None:
    producer = Producer({"bootstrap.servers": letters.kafka.brokers})
    producer.produce(letters.topics.derived_metrics_dead_letter.name, b"somebody else's", partition=0)
    assert producer.flush(30) == 0
    letters.reject(7, sinks=("influxdb-a",))
    sent, told = letters.run("requeue", "--all")
    assert sent == ["1 records sent again"]
    assert told.endswith("/0/0 does not say which record it was: left out")


@pytest.mark.parametrize("command", [("dead-letters", "list"), ("topics",)])
def test_a_kafka_that_is_not_there_is_told_in_one_line(command: tuple[str, ...]) -> None:
    arguments = [sys.executable, "-m", "heapster_stream", *command, "--kafka-brokers=127.0.0.1:1"]
    done = subprocess.run(arguments, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith("heapster-stream: Kafka at 127.0.0.1:1 does not answer: ")
    assert "Connection refused" in line
