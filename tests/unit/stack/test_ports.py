import socket

import pytest

from stack.ports import free_ports, is_free


def test_ports_are_different_and_below_those_of_outgoing_connections() -> None:
    found = free_ports(50)
    assert len(set(found)) == 50
    assert all(15_000 <= port < 32_000 for port in found)


def test_a_port_is_free_until_somebody_listens_there() -> None:
    (port,) = free_ports(1)
    assert is_free(port)
    with socket.create_server(("127.0.0.1", port)):
        assert not is_free(port)
    assert is_free(port)


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        monkeypatch.setattr("stack.ports._SERVER_PORTS", range(taken, taken + 1))
        with pytest.raises(OSError, match="there are no 1 free ports"):
            free_ports(1)
