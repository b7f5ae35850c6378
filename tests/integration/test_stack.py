"""The servers that the other integration tests stand on, and the demo."""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from simulator.cluster import FED_METRICS
from tests.waiting import DEADLINE_S, wait_until
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka, brokers_listed

Demo: TypeAlias = subprocess.Popen[str]

ROOT = Path(__file__).parents[2]
QUIET = {"log_level": 0}  # what a client says about a broker that was killed


def create(bootstrap: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(60)


def send(bootstrap: str, topic: str, value: bytes) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "message.max.bytes": 10_000_000, **QUIET})
    producer.produce(topic, value)
    assert producer.flush(60) == 0


def received(bootstrap: str, topic: str, count: int) -> list[bytes | None]:
    settings = {"bootstrap.servers": bootstrap, "group.id": f"readers-of-{topic}", **QUIET}
    consumer = Consumer(settings)
    try:
        consumer.assign([TopicPartition(topic, 0, 0)])
        return [message.value() for message in consumer.consume(count, timeout=60)]
    finally:
        consumer.close()


def ask(server: InfluxDB, path: str, body: str = "", password: str = InfluxDB.password, **parameters: str) -> bytes:
    credentials = {"u": server.user, "p": password}
    url = f"{server.url}/{path}?{urllib.parse.urlencode(credentials | parameters)}"
    with urllib.request.urlopen(url, data=body.encode(), timeout=60) as answer:
        found: bytes = answer.read()
    return found


def query(server: InfluxDB, text: str, database: str = "") -> dict[str, Any]:
    (found,) = json.loads(ask(server, "query", q=text, db=database))["results"]
    assert isinstance(found, dict)
    return found


def test_kafka_takes_and_returns_a_large_record(kafka: Kafka, topic_suffix: str) -> None:
    topic = f"round-trip{topic_suffix}"
    create(kafka.bootstrap, topic)
    value = os.urandom(900_000)
    send(kafka.bootstrap, topic, value)
    assert received(kafka.bootstrap, topic, 1) == [value]


def test_kafka_is_killed_and_comes_back_with_what_it_had(own_kafka: Callable[[], Kafka]) -> None:
    kafka = own_kafka()
    create(kafka.bootstrap, "kept")
    send(kafka.bootstrap, "kept", b"before")
    kafka.kill()
    assert brokers_listed(kafka.port) == 0
    kafka.start()
    send(kafka.bootstrap, "kept", b"after")
    assert received(kafka.bootstrap, "kept", 2) == [b"before", b"after"]


def test_a_frozen_kafka_does_not_answer_until_it_goes_on(own_kafka: Callable[[], Kafka]) -> None:
    kafka = own_kafka()
    kafka.freeze()
    assert not kafka.serves()
    kafka.thaw()
    wait_until(kafka.serves, "it answers again")
    kafka.stop()
    assert not kafka.running


def test_influxdb_takes_and_returns_a_point(influxdb: InfluxDB, influx_database: str) -> None:
    query(influxdb, f'CREATE DATABASE "{influx_database}"')
    ask(influxdb, "write", "uptime,type=node value=15i 1000000000", db=influx_database)
    (series,) = query(influxdb, 'SELECT "type", "value" FROM "uptime"', influx_database)["series"]
    assert series["values"] == [["1970-01-01T00:00:01Z", "node", 15]]


def test_influxdb_asks_for_a_password(influxdb: InfluxDB) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        ask(influxdb, "query", password="wrong", q="SHOW DATABASES")


def test_influxdb_is_killed_and_comes_back_with_what_it_had(
    own_influxdb: Callable[[], InfluxDB], influx_database: str
) -> None:
    influxdb = own_influxdb()
    query(influxdb, f'CREATE DATABASE "{influx_database}"')
    ask(influxdb, "write", "uptime value=1i 1000000000", db=influx_database)
    influxdb.kill()
    influxdb.start()
    (series,) = query(influxdb, 'SELECT "value" FROM "uptime"', influx_database)["series"]
    assert series["values"] == [["1970-01-01T00:00:01Z", 1]]


def processes_of(folder: Path) -> list[str]:
    """Command lines that name this folder, or whose log is in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            logs = str((process / "fd" / "1").readlink())
        except OSError:  # it has ended meanwhile
            continue
        if str(folder) in command or logs.startswith(str(folder)):
            found.append(command)
    return found


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Callable[..., Demo]]:
    """Starts the demo, or another module, with data and logs in a folder of its own."""
    started: list[Demo] = []

    def start(module: str = "tools.stack.demo", **settings: str) -> Demo:
        (tmp_path / "cache").mkdir()
        for installed in Path(os.environ.get("HEAPSTER_STREAM_CACHE") or ROOT / ".cache").glob("*-*"):
            (tmp_path / "cache" / installed.name).symlink_to(installed.absolute())
        running = subprocess.Popen(
            [sys.executable, "-m", module],
            cwd=ROOT,
            env={**os.environ, "HEAPSTER_STREAM_CACHE": str(tmp_path / "cache"), **settings},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(running)
        return running

    yield start
    for running in started:
        if running.poll() is None:
            running.kill()  # what it has started goes with it
        running.communicate()


def told_until(running: Demo, words: str) -> str:
    """What it says up to the line with these words."""
    assert running.stdout is not None
    told = ""
    for line in running.stdout:
        told += line
        if words in line:
            return told
    pytest.fail(f"it ended without {words!r}:\n{told}")


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return b"<title>heapster-stream</title>" in answer.read()
    except urllib.error.URLError:
        return False


def ended(running: Demo) -> str:
    """What it says from now until its end."""
    told, _ = running.communicate(timeout=DEADLINE_S)
    return told


def test_the_demo_shows_every_metric_and_leaves_nothing_behind(demo: Callable[..., Demo], tmp_path: Path) -> None:
    running = demo(DEMO_SECONDS="50", DEMO_NODES="2", DEMO_PODS_PER_NODE="3")
    told = told_until(running, "It ends after 50 s.")
    (page,) = (line.removeprefix("The web page: ") for line in told.splitlines() if line.startswith("The web page: "))
    wait_until(lambda: answers(page), "the web page")
    told += ended(running)
    assert running.returncode == 0, told
    assert "   nodes 2/2   scrapes " in told
    assert f"{len(FED_METRICS)} of the {len(FED_METRICS)} metrics that the simulated cluster feeds" in told
    assert processes_of(tmp_path) == []


def test_an_interrupted_demo_names_what_has_not_arrived(demo: Callable[..., Demo], tmp_path: Path) -> None:
    running = demo()
    told_until(running, "Ctrl-C ends it.")
    started = {command.partition("-m heapster_stream ")[2].split(" ")[0] for command in processes_of(tmp_path)}
    assert started == {"", "simulate", "scraper", "processor", "writer", "api"}  # Kafka and InfluxDB are none of ours
    running.send_signal(signal.SIGINT)
    told = ended(running)
    assert running.returncode == 1, told
    assert f"0 of the {len(FED_METRICS)} metrics" in told
    assert "Missing: accelerator/duty_cycle, " in told
    assert processes_of(tmp_path) == []


def test_a_demo_interrupted_while_it_starts_leaves_nothing_behind(demo: Callable[..., Demo], tmp_path: Path) -> None:
    running = demo()
    wait_until(lambda: len(processes_of(tmp_path)) > 0, "its first process")
    running.send_signal(signal.SIGINT)
    told = ended(running)
    assert running.returncode == 130, told
    assert processes_of(tmp_path) == []


def test_the_demo_says_which_service_has_died(demo: Callable[..., Demo], tmp_path: Path) -> None:
    running = demo()
    told = told_until(running, "Ctrl-C ends it.")
    (line,) = (line for line in told.splitlines() if line.startswith("processor"))
    os.kill(int(line.split()[2]), signal.SIGKILL)
    told = ended(running)
    assert running.returncode == 1, told
    assert f"processor has ended with status -9; its log {tmp_path}/cache/demo/processor.log:" in told
    assert processes_of(tmp_path) == []


def test_servers_without_a_pipeline_say_where_they_are_until_interrupted(
    demo: Callable[..., Demo], tmp_path: Path
) -> None:
    running = demo("tools.stack.servers")
    told = told_until(running, "Ctrl-C ends them.")
    kafka, influxdb = (line.split()[1].rstrip(",") for line in told.splitlines()[-3:-1])
    assert brokers_listed(int(kafka.rpartition(":")[2])) == 1
    with urllib.request.urlopen(f"{influxdb}/ping", timeout=60) as answer:
        assert answer.status == 204
    running.send_signal(signal.SIGINT)
    assert (ended(running), running.returncode) == ("", 0)
    assert processes_of(tmp_path) == []
