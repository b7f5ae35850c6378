"""Real servers and real processes for the tests: the stack's Kafka and InfluxDB, services as a user starts them."""

import os
import socket
import sys
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import pytest

from tests.integration.writer_pipeline import StartWriter, WriterPipeline, WriterProcess
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.process import Process

_Process = TypeVar("_Process", bound=Process)

_STARTED: Final = pytest.StashKey[list[Process]]()
_SHOWN_LINES: Final = 40


@dataclass(frozen=True, slots=True)
class GivenKafka:
    """A broker that somebody else runs, at KAFKA_BOOTSTRAP."""

    bootstrap: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long ones: one of these begun last would keep all workers but its own idle."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where a test fails, show what its processes have said."""
    report = yield
    if report.failed:
        for process in item.stash.get(_STARTED, []):
            report.sections.append((f"{process.name}, {process.log}", process.log_tail(_SHOWN_LINES)))
    return report


@contextmanager
def _ended_by_force(request: pytest.FixtureRequest) -> Iterator[Callable[[_Process], _Process]]:
    """Takes note of processes, shown where the test fails, and ends those that run at the end."""
    with ExitStack() as ending:

        def started(process: _Process) -> _Process:
            request.node.stash.setdefault(_STARTED, []).append(process)
            ending.callback(lambda: process.kill() if process.running else None)
            return process

        yield started


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka | GivenKafka]:
    """One for all tests; topics and groups have names of their own in each. Not to be stopped: see `own_kafka`."""
    if given := os.environ.get("KAFKA_BOOTSTRAP"):
        yield GivenKafka(given)
        return
    server = Kafka(tmp_path_factory.mktemp("servers") / "kafka")
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    """One for all tests, which asks for user and password; each has databases of its own."""
    server = InfluxDB(tmp_path_factory.mktemp("servers") / "influxdb", auth=True)
    yield server.start()
    server.stop()


@pytest.fixture
def own_kafka(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], Kafka]]:
    """Starts a Kafka for one test: nothing is in it, and it may be stopped, killed, frozen and launched again."""
    with _ended_by_force(request) as started:
        yield lambda: started(Kafka(tmp_path / f"kafka-{uuid.uuid4().hex[:8]}")).start()


@pytest.fixture
def own_influxdb(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], InfluxDB]]:
    """Starts an InfluxDB for one test, that may be broken as a Kafka of `own_kafka`."""
    with _ended_by_force(request) as started:
        yield lambda: started(InfluxDB(tmp_path / f"influxdb-{uuid.uuid4().hex[:8]}", auth=True)).start()


@pytest.fixture
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Process]]:
    """Starts `heapster-stream` with these arguments, as a process of its own, ended with the test at the latest."""
    with _ended_by_force(request) as started:

        def start(*arguments: str) -> Process:
            log = tmp_path / f"{arguments[0]}-{uuid.uuid4().hex[:8]}.log"
            command = (sys.executable, "-m", "heapster_stream", *arguments)
            return started(Process(arguments[0], command, log)).launch()

        yield start


@pytest.fixture
def influx_database() -> str:
    """Name of a database that is not there."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def topic_suffix() -> str:
    """To end the names of topics and consumer groups with, where the Kafka is everybody's."""
    return f"-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def writer_pipeline(kafka: Kafka | GivenKafka) -> WriterPipeline:
    """Topics of its own for a test of the writer."""
    return WriterPipeline(kafka.bootstrap)


@pytest.fixture
def start_writer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StartWriter]:
    """Starts writer processes, kills those still running at the end, and shows their logs if the test fails."""
    writers: list[WriterProcess] = []

    def start(*sinks: str, pipeline: WriterPipeline | None = None) -> WriterProcess:
        topics = pipeline or request.getfixturevalue("writer_pipeline")
        writers.append(WriterProcess(topics, sinks, tmp_path / f"writer-{len(writers)}.log"))
        return writers[-1]

    yield start
    for writer in writers:
        if writer.process.poll() is None:
            writer.kill()
    for log in sorted(tmp_path.glob("writer-*.log")):
        request.node.add_report_section("teardown", str(log), log.read_text()[-8000:])


@pytest.fixture
def silent_server() -> Iterator[str]:
    """URL of a server that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
