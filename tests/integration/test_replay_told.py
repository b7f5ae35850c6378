"""Output of a replay: what it reads, where the result is, errors, and progress metrics."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from itertools import chain

from prometheus_client.parser import text_string_to_metric_families

from replay.time_range import time_text
from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader
from tests.integration.recordings import NS_PER_S, Recorder, recorded
from tests.waiting import wait_until
from tools.stack.kafka import Kafka
from tools.stack.process import Process

UNREACHABLE_SINK = {"HEAPSTER_SINK": "influxdb:http://127.0.0.1:1"}  # of a live writer, must be ignored


def replayed(kafka: Kafka, *arguments: str) -> tuple[int, str]:
    """Exit status and standard error."""
    command = [sys.executable, "-m", "heapster_stream", "replay", f"--kafka-brokers={kafka.bootstrap}", *arguments]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, timeout=300, env={**os.environ, **UNREACHABLE_SINK}
    )
    return done.returncode, done.stderr


def test_a_replay_prints_what_it_reads_and_writes_and_rejects_a_used_suffix(
    own_kafka: Callable[[], Kafka],
) -> None:
    kafka = own_kafka()
    windows = recorded(8, nodes=2)
    Recorder(kafka.bootstrap).send(chain.from_iterable(windows))
    first, last = (time_text(window[0].window_end_ns) for window in (windows[2], windows[-1]))

    status, output = replayed(kafka, f"--from={first}", "--to=2100-01-01T00:00:00Z", "--topic-suffix=-again")
    assert status == 0, output
    assert f"records: the windows from {first} to 2100-01-01T00:00:00Z, and windows before and after" in output
    assert f"The newest record is of {last}, before --to" in output
    with TopicReader(KafkaSettings(kafka.bootstrap), "test") as reader:
        batches = sum(end for _, end in reader.bounds("derived-metrics-again").values())
    assert batches >= 2 * 6
    assert f"Done: {batches} batches of the windows from {first} to 2100-01-01T00:00:00Z are in the topic" in output
    assert "rejected" not in output

    status, output = replayed(kafka, f"--from={first}", f"--to={first}", "--topic-suffix=-again")
    assert status == 2, output
    assert output.splitlines()[-1] == (
        f"heapster-stream: --topic-suffix: topics with this suffix belong to the replay from {first} to"
        f" 2100-01-01T00:00:00Z, not from {first} to {first}: use another suffix"
    )


def replay_metrics(url: str) -> dict[str, float]:
    with urllib.request.urlopen(url, timeout=10) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {
        ",".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("heapster_replay_")
    }


def test_a_replay_serves_its_progress(own_kafka: Callable[[], Kafka], service: Callable[..., Process]) -> None:
    """Without InfluxDB, everything is computed, nothing is written, and the replay waits."""
    kafka = own_kafka()
    windows = recorded(8, nodes=2)
    Recorder(kafka.bootstrap).send(chain.from_iterable(windows))
    first, last = (window[0].window_end_ns for window in (windows[2], windows[-1]))
    replay = service(
        "replay",
        f"--kafka-brokers={kafka.bootstrap}",
        f"--from={time_text(first)}",
        f"--to={time_text(last)}",
        "--topic-suffix=-watched",
        "--sink=influxdb:http://127.0.0.1:9?db=none",
        "--metrics-port=0",
    )
    wait_until(lambda: "Progress is served at" in replay.text, "the port")
    [url] = re.findall(r"Progress is served at (\S+)\.$", replay.text, re.MULTILINE)
    lags = [f"heapster_replay_lag_records,{topic}" for topic in ("kubelet-stats", "group-sums-watched")]
    wait_until(lambda: [replay_metrics(url).get(lag) for lag in lags] == [0, 0], "all of it computed")
    found = replay_metrics(url)
    with TopicReader(KafkaSettings(kafka.bootstrap), "test") as reader:
        records, batches = (
            sum(end for _, end in reader.bounds(topic).values())
            for topic in ("kubelet-stats", "derived-metrics-watched")
        )
    assert (found["heapster_replay_records"], found["heapster_replay_records_done"]) == (records, records)
    assert found["heapster_replay_first_window_seconds"] == first / NS_PER_S
    assert (
        found["heapster_replay_window_end_seconds"] == found["heapster_replay_last_window_seconds"] == last / NS_PER_S
    )
    assert found["heapster_replay_batches"] == batches >= 2 * 6
    assert found["heapster_replay_lag_records,derived-metrics-watched"] == batches
    assert [value for name, value in found.items() if name.startswith("heapster_replay_batches_written,")] == [0]
    for path in ("healthz", "readyz"):
        with urllib.request.urlopen(url.replace("metrics", path), timeout=10) as answer:
            assert answer.read() == b"ok\n"
    assert replay.stop() == 1
    assert replay.text.endswith("Interrupted: run the same command again to continue.\n")
