import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from runtime.errors import ConfigError
from simulator.listening import ListenAddresses, Listening, listen


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.5.2", 0)) as listening:
        yield int(listening.getsockname()[1])


def close(found: Listening) -> None:
    for each in (found.api, *found.kubelets):
        each.close()


def test_kubelets_have_addresses_in_a_row_and_one_port() -> None:
    found = listen(ListenAddresses(first_kubelet_ip="127.0.5.254"), nodes=3)
    close(found)
    assert [each.address for each in found.endpoints] == ["127.0.5.254", "127.0.5.255", "127.0.6.0"]
    assert len({each.port for each in found.endpoints}) == 1


def test_on_one_address_the_ports_are_in_a_row() -> None:
    with closing(socket.create_server(("127.0.5.1", 0))) as probe:
        first = probe.getsockname()[1]
    found = listen(ListenAddresses(listen_ip="127.0.5.1", one_address=True, kubelet_port=first), nodes=2)
    close(found)
    assert [(each.address, each.port) for each in found.endpoints] == [("127.0.5.1", first), ("127.0.5.1", first + 1)]


def test_listening_on_every_address_nodes_show_the_one_they_are_found_at() -> None:
    found = listen(ListenAddresses(listen_ip="0.0.0.0", one_address=True, kubelet_host="127.0.5.9"), nodes=1)
    close(found)
    assert found.endpoints[0].address == "127.0.5.9"
    assert found.api_url("http").startswith("http://127.0.5.9:")


def test_a_name_stands_for_its_address() -> None:
    found = listen(ListenAddresses(one_address=True, kubelet_host="localhost"), nodes=1)
    close(found)
    assert found.endpoints[0].address == "127.0.0.1"


@pytest.mark.parametrize(
    ("layout", "message"),
    [
        pytest.param(
            ListenAddresses(listen_ip="203.0.113.1"),
            r"--listen-ip: cannot listen on 203\.0\.113\.1:0: this machine has no such address",
            id="an address of somebody else",
        ),
        pytest.param(
            ListenAddresses(first_kubelet_ip="203.0.113.1"),
            "--first-kubelet-ip: cannot listen on",
            id="kubelets' as well",
        ),
        pytest.param(ListenAddresses(first_kubelet_ip="n1"), "--first-kubelet-ip: 'n1' is not an IP", id="no address"),
        pytest.param(
            ListenAddresses(first_kubelet_ip="n1", one_address=True),
            "--first-kubelet-ip: 'n1' is not an IP",
            id="no address, though nothing is on it",
        ),
        pytest.param(
            ListenAddresses(first_kubelet_ip="255.255.255.255"),
            "--first-kubelet-ip: there are no 2 addresses from 255.255.255.255 on",
            id="too few addresses",
        ),
        pytest.param(
            ListenAddresses(one_address=True, kubelet_port=65535),
            "--kubelet-port: there are no 2 ports from 65535 on",
            id="too few ports",
        ),
        pytest.param(
            ListenAddresses(one_address=True, kubelet_host="no.such.invalid"),
            "--kubelet-host: 'no.such.invalid' is neither an IP address nor the name of one",
            id="a name that nobody knows",
        ),
    ],
)
def test_what_cannot_be_had_is_told_with_its_option(layout: ListenAddresses, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        listen(layout, nodes=2)


def test_a_taken_port_is_told_and_nothing_is_left_open(taken_port: int) -> None:
    layout = ListenAddresses(first_kubelet_ip="127.0.5.1", kubelet_port=taken_port)
    with pytest.raises(
        ConfigError, match=f"--kubelet-port: cannot listen on 127.0.5.2:{taken_port}: the port is taken"
    ):
        listen(layout, nodes=2)
    socket.create_server(("127.0.5.1", taken_port)).close()


def test_the_api_s_port_may_be_taken_too(taken_port: int) -> None:
    layout = ListenAddresses(listen_ip="127.0.5.2", api_port=taken_port, first_kubelet_ip="127.0.5.10")
    with pytest.raises(ConfigError, match="--api-port: cannot listen on"):
        listen(layout, nodes=1)
