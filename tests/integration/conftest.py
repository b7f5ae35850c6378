"""Real servers and real processes for the tests: Kafka and InfluxDB of the stack, services as a user starts them."""

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from stack.influxdb import InfluxDB
from stack.kafka import Kafka

DEADLINE_S = 90.0


class Service:
    """A `heapster-stream` process with its log."""

    def __init__(self, arguments: tuple[str, ...], log: Path) -> None:
        self.arguments = arguments
        self.log = log
        with log.open("ab") as out:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "heapster_stream", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
                env={**os.environ, "PYTHONUNBUFFERED": "1"},
            )

    @property
    def text(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def stop(self, within_s: float = 10.0) -> int:
        """End it as a user would, and its exit status: longer than `within_s` fails the test."""
        self.process.terminate()
        return self.process.wait(within_s)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


def wait_until(reached: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Wait for something to come true; fails naming it."""
    ends_at = time.monotonic() + deadline_s
    while not reached():
        if time.monotonic() > ends_at:
            pytest.fail(f"not within {deadline_s:.0f} s: {what}")
        time.sleep(0.2)


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    server = Kafka(tmp_path_factory.mktemp("kafka")).start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    server = InfluxDB(tmp_path_factory.mktemp("influxdb"), auth=True).start()
    yield server
    server.stop()


@pytest.fixture
def own_kafka(tmp_path: Path) -> Iterator[Callable[[], Kafka]]:
    """Starts a Kafka for one test: its topics are empty, and it may be broken."""
    servers: list[Kafka] = []

    def start() -> Kafka:
        servers.append(Kafka(tmp_path / f"kafka-{len(servers)}"))
        return servers[-1].start()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def own_influxdb(tmp_path: Path) -> Iterator[Callable[[], InfluxDB]]:
    """Starts an InfluxDB for one test, that may be broken."""
    servers: list[InfluxDB] = []

    def start() -> InfluxDB:
        servers.append(InfluxDB(tmp_path / f"influxdb-{len(servers)}", auth=True))
        return servers[-1].start()

    yield start
    for server in servers:
        server.kill()


@pytest.fixture
def influx_database() -> str:
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Service]]:
    """Starts services; what still runs at the end is killed, and the logs are shown where the test failed."""
    started: list[Service] = []

    def start(*arguments: str) -> Service:
        each = Service(arguments, tmp_path / f"{len(started)}-{arguments[0]}.log")
        started.append(each)
        return each

    yield start
    for each in started:
        if each.process.poll() is None:
            each.kill()
    for each in started:
        request.node.add_report_section("call", f"log of {each.arguments[0]}", each.text[-4000:])
