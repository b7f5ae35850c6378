import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tools.stack.ports import LOOPBACK, own_ports, usual_port


@contextmanager
def only(port: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """There is no other port to choose."""
    with monkeypatch.context() as patch:
        patch.setattr("tools.stack.ports._SERVER_PORTS", range(port, port + 1))
        yield


def test_ports_are_different_and_below_those_of_outgoing_connections() -> None:
    found = own_ports(50)
    assert len(set(found)) == 50
    assert all(15_000 <= port < 32_000 for port in found)


def test_a_server_of_ours_listens_there_again_and_again() -> None:
    (port,) = own_ports(1)
    for _ in range(2):
        with (
            socket.create_server(("127.0.0.1", port)),
            socket.create_connection(("127.0.0.1", port), timeout=5) as client,
        ):
            assert client.getpeername() == ("127.0.0.1", port)


def test_nobody_answers_there_until_a_server_listens() -> None:
    (port,) = own_ports(1)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_port_that_somebody_listens_on_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        only(server.getsockname()[1], monkeypatch),
        pytest.raises(OSError, match="there are no 1 free ports"),
    ):
        own_ports(1)


def test_a_port_is_given_once(monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = own_ports(1)
    with only(port, monkeypatch), pytest.raises(OSError, match="there are no 1 free ports"):
        own_ports(1)


def test_it_is_everybodys_again_when_its_owner_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    owner = "from tools.stack.ports import LOOPBACK, own_ports, usual_port; print(*own_ports(1))"
    told = subprocess.run([sys.executable, "-c", owner], capture_output=True, text=True, check=True).stdout
    with only(int(told), monkeypatch):
        assert own_ports(1) == [int(told)]


def test_the_usual_port_is_given_unless_somebody_listens_on_it() -> None:
    with socket.socket() as other:
        other.bind((LOOPBACK, 0))
        port = other.getsockname()[1]
        other.listen()
        assert usual_port(port) != port
    assert usual_port(port) == port
