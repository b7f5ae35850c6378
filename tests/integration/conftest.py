"""Fixtures with real servers and processes: Kafka, InfluxDB, and services started from the command line."""

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
    """An external broker, at KAFKA_BOOTSTRAP."""

    bootstrap: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the long tests: a long test at the end would leave the other workers idle."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the logs of a test's processes to the report if it fails."""
    report = yield
    if report.failed:
        for process in item.stash.get(_STARTED, []):
            report.sections.append((f"{process.name}, {process.log}", process.log_tail(_SHOWN_LINES)))
    return report


@contextmanager
def _killed_at_end(request: pytest.FixtureRequest) -> Iterator[Callable[[_Process], _Process]]:
    """Register processes whose logs are shown if the test fails, and kill those still running at the end."""
    with ExitStack() as stack:

        def started(process: _Process) -> _Process:
            request.node.stash.setdefault(_STARTED, []).append(process)
            stack.callback(lambda: process.kill() if process.running else None)
            return process

        yield started


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka | GivenKafka]:
    """One Kafka for all tests, which use distinct topics and groups. Do not stop it: see `own_kafka`."""
    if given := os.environ.get("KAFKA_BOOTSTRAP"):
        yield GivenKafka(given)
        return
    server = Kafka(tmp_path_factory.mktemp("servers") / "kafka")
    yield server.start()
    server.stop()


@pytest.fixture(scope="session")
def influxdb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InfluxDB]:
    """One InfluxDB with authentication for all tests, which use distinct databases."""
    server = InfluxDB(tmp_path_factory.mktemp("servers") / "influxdb", auth=True)
    yield server.start()
    server.stop()


@pytest.fixture
def own_kafka(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], Kafka]]:
    """Start an empty Kafka for one test, which can be stopped, killed, frozen and started again."""
    with _killed_at_end(request) as started:
        yield lambda: started(Kafka(tmp_path / f"kafka-{uuid.uuid4().hex[:8]}")).start()


@pytest.fixture
def own_influxdb(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[[], InfluxDB]]:
    """Start an InfluxDB for one test, which can be stopped, killed, frozen and started again."""
    with _killed_at_end(request) as started:
        yield lambda: started(InfluxDB(tmp_path / f"influxdb-{uuid.uuid4().hex[:8]}", auth=True)).start()


@pytest.fixture
def service(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Process]]:
    """Start `heapster-stream` with arguments as a process, which ends with the test at the latest."""
    with _killed_at_end(request) as started:

        def start(*arguments: str) -> Process:
            log = tmp_path / f"{arguments[0]}-{uuid.uuid4().hex[:8]}.log"
            command = (sys.executable, "-m", "heapster_stream", *arguments)
            return started(Process(arguments[0], command, log)).launch()

        yield start


@pytest.fixture
def influx_database() -> str:
    """Name of a database that does not exist."""
    return f"test_{uuid.uuid4().hex[:12]}"


@pytest.fixture
def topic_suffix() -> str:
    """Suffix of the names of topics and consumer groups in the shared Kafka."""
    return f"-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def writer_pipeline(kafka: Kafka | GivenKafka) -> WriterPipeline:
    """Topics for one test of the writer."""
    return WriterPipeline(kafka.bootstrap)


@pytest.fixture
def start_writer(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StartWriter]:
    """Start writer processes, kill those still running at the end, and add their logs to the report."""
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
