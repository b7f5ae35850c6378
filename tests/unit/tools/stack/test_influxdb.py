"""When an InfluxDB is taken to serve."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tools.stack.influxdb import InfluxDB
from tools.stack.ports import LOOPBACK


class SlowToKeep(ThreadingHTTPServer):
    """Answers as InfluxDB does: the status of a query is sent at once, its result when a slow disk has taken it."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__((LOOPBACK, 0), _Answers)
        self.asked, self.kept = threading.Event(), threading.Event()


class _Answers(BaseHTTPRequestHandler):
    server: SlowToKeep

    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def do_POST(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.flush()
        self.server.asked.set()
        self.server.kept.wait(10)
        self.wfile.write(b'{"results":[{"statement_id":0}]}')

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def slow() -> Iterator[SlowToKeep]:
    with SlowToKeep() as server:
        threading.Thread(target=server.serve_forever).start()
        yield server
        server.shutdown()


def test_it_serves_only_when_its_first_user_is_there(
    slow: SlowToKeep, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tools.stack.influxdb.install_influxdb", lambda: tmp_path)
    influxdb = InfluxDB(tmp_path / "influxdb", auth=True, port=slow.server_port)
    found: list[bool] = []
    asking = threading.Thread(target=lambda: found.append(influxdb.serves()))
    asking.start()
    assert slow.asked.wait(10)
    asking.join(0.2)
    assert not found
    slow.kept.set()
    asking.join(10)
    assert found == [True]
