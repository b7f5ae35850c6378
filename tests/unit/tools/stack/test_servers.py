"""The servers' settings, and how they are asked whether they are up; the real ones are in the integration tests."""

import socket
import struct
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tools.stack import influxdb, kafka
from tools.stack.process import ProcessError
from tools.stack.server import Server


def test_kafka_listens_on_loopback_only() -> None:
    found = kafka.settings(Path("/kafka"), 9092, 9093)
    assert found["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert found["advertised.listeners"] == "PLAINTEXT://127.0.0.1:9092"
    assert found["controller.quorum.voters"] == "1@127.0.0.1:9093"
    assert found["log.dirs"] == "/kafka/data"


def test_kafka_makes_no_topic_unasked_and_takes_large_records() -> None:
    found = kafka.settings(Path("/kafka"), 9092, 9093)
    assert found["auto.create.topics.enable"] == "false"
    assert int(found["message.max.bytes"]) == 10_485_760


def test_the_maven_project_names_its_artifacts() -> None:
    project = ET.fromstring(kafka.pom("org.apache.kafka:kafka_2.13:4.1.0", "a.b:c:1"))
    names = "{http://maven.apache.org/POM/4.0.0}"
    found = [[field.text for field in each] for each in project.iter(f"{names}dependency")]
    assert found == [["org.apache.kafka", "kafka_2.13", "4.1.0"], ["a.b", "c", "1"]]


@pytest.mark.parametrize("auth", [True, False])
def test_influxdb_listens_on_loopback_only_with_flux_and_without_limits(auth: bool) -> None:  # noqa: FBT001
    found = tomllib.loads(influxdb.settings(Path("/influxdb"), 8086, 8088, auth=auth))
    assert found["bind-address"] == "127.0.0.1:8088"
    assert found["http"] == {
        "bind-address": "127.0.0.1:8086",
        "flux-enabled": True,
        "auth-enabled": auth,
        "log-enabled": False,
    }
    assert found["data"]["max-series-per-database"] == 0
    assert found["data"]["wal-dir"] == "/influxdb/wal"
    assert found["meta"]["dir"] == "/influxdb/meta"
    assert found["reporting-disabled"] is True


@contextmanager
def peer(answer: bytes | None) -> Iterator[int]:
    """Port of a server that reads one request, answers so, and hangs up; with None it only takes the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1024)
                if answer:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        if answer is not None:
            thread.start()
        yield server.getsockname()[1]
        if answer is not None:
            thread.join(10)


@pytest.mark.parametrize(
    ("answer", "brokers"),
    [
        pytest.param(struct.pack(">iiii", 12, 1, 0, 1), 1, id="one broker"),
        pytest.param(struct.pack(">iiii", 12, 1, 0, 0), 0, id="none is in service yet"),
        pytest.param(b"", 0, id="it hangs up"),
        pytest.param(b"HTTP/1.1 400\r\n", 0, id="too short an answer"),
        pytest.param(None, 0, id="it takes connections but is silent"),
    ],
)
def test_how_many_brokers_a_kafka_lists(answer: bytes | None, brokers: int) -> None:
    with peer(answer) as port:
        assert kafka.brokers_listed(port, timeout_s=0.2 if answer is None else 5) == brokers


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    assert kafka.brokers_listed(port) == 0


class Broken(Server):
    def serves(self) -> bool:
        return False


def test_a_server_that_ends_at_once_says_why(tmp_path: Path) -> None:
    server = Broken("It", (sys.executable, "-c", "import sys; sys.exit('no more disk')"), tmp_path / "log")
    with pytest.raises(ProcessError, match=r"It has ended with status 1; its log .*log:\nno more disk"):
        server.start()


def test_a_server_that_does_not_answer_in_time_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tools.stack.server.START_S", 0.1)
    server = Broken("It", (sys.executable, "-c", "import time; time.sleep(60)"), tmp_path / "log")
    with pytest.raises(ProcessError, match="It does not answer after"):
        server.start()
    assert not server.running
