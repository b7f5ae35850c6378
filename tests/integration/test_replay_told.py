"""What a replay tells its user: what is read, where the result is, and that a suffix is taken."""

import os
import subprocess
import sys
from collections.abc import Callable
from itertools import chain

from replay.stretch import time_text
from runtime.kafka import KafkaSettings
from runtime.reader import Reader
from stack.kafka import Kafka
from tests.integration.recordings import Recorder, recorded

NOBODY_THERE = {"HEAPSTER_SINK": "influxdb:http://127.0.0.1:1"}  # as the live writer's, where both are started


def replayed(kafka: Kafka, *arguments: str) -> tuple[int, str]:
    """Exit status, and what it says."""
    command = [sys.executable, "-m", "heapster_stream", "replay", f"--kafka-brokers={kafka.bootstrap}", *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300, env={**os.environ, **NOBODY_THERE}
    )
    return done.returncode, done.stderr


def test_it_says_what_it_reads_and_where_the_result_is_and_no_other_replay_mixes_with_it(
    own_kafka: Callable[[], Kafka],
) -> None:
    kafka = own_kafka()
    windows = recorded(8, nodes=2)
    Recorder(kafka.bootstrap).send(chain.from_iterable(windows))
    first, last = (time_text(window[0].window_end_ns) for window in (windows[2], windows[-1]))

    status, told = replayed(kafka, f"--from={first}", "--to=2100-01-01T00:00:00Z", "--topic-suffix=-again")
    assert status == 0, told
    assert f"records are read: the windows from {first} to 2100-01-01T00:00:00Z, and those around them" in told
    assert f"Nothing is newer than {last}: --to lies behind that" in told
    with Reader(KafkaSettings(kafka.bootstrap), "test") as reader:
        batches = sum(end for _, end in reader.bounds("derived-metrics-again").values())
    assert batches >= 2 * 6
    assert f"Done: {batches} batches of the windows from {first} to 2100-01-01T00:00:00Z are in the topic" in told
    assert "rejected" not in told

    status, told = replayed(kafka, f"--from={first}", f"--to={first}", "--topic-suffix=-again")
    assert status == 2, told
    assert told.splitlines()[-1] == (
        f"heapster-stream: --topic-suffix: under it are the topics of the replay from {first} to 2100-01-01T00:00:00Z;"
        f" this one is from {first} to {first}: give it another suffix"
    )
