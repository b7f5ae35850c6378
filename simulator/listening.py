"""Where the servers listen: each kubelet on an address of its own, or all on one address with a port each."""

import socket
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_address
from typing import Final

from runtime.errors import ConfigError
from simulator.objects import Endpoint
from simulator.sockets import AskedBy, bound, bound_in_a_row, bound_on_each, endpoint

LOOPBACK: Final = "127.0.0.1"
FIRST_KUBELET_IP: Final = "127.0.1.1"
_LAST_PORT: Final = 65535


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenAddresses:
    """What was asked for; port 0 is any free one.

    With `one_address` the kubelets share `listen_ip`, on `kubelet_port` and the ports after it, and the nodes'
    InternalIP is `kubelet_host`: needed across containers, where nobody else sees our loopback addresses.
    """

    listen_ip: str = LOOPBACK
    api_port: int = 0
    kubelet_port: int = 0
    first_kubelet_ip: str = FIRST_KUBELET_IP
    one_address: bool = False
    kubelet_host: str = ""  # name or IP; "": the address that is listened on, or this machine's


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """What came of it: sockets that listen, and where others find them. A socket and an endpoint for each kubelet."""

    api: socket.socket
    api_at: Endpoint
    kubelets: Sequence[socket.socket]
    endpoints: Sequence[Endpoint]

    def api_url(self, scheme: str) -> str:
        """`http://HOST:PORT`, an IPv6 address in brackets."""
        host, port = self.api_at.address, self.api_at.port
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def listen(layout: ListenAddresses, nodes: int) -> Listening:
    """Bind all sockets. Raises ConfigError: a port is taken, an address is not this machine's or not one at all."""
    address = ip_of(layout.listen_ip, "--listen-ip")
    with ExitStack() as opened:
        api = opened.enter_context(bound(address, layout.api_port, AskedBy("--listen-ip", "--api-port")))
        addresses = _addresses(layout.first_kubelet_ip, nodes)
        if layout.one_address:
            kubelets, endpoints = _on_one_address(layout, address, nodes)
        else:
            kubelets = bound_on_each(addresses, layout.kubelet_port, AskedBy("--first-kubelet-ip", "--kubelet-port"))
            endpoints = [endpoint(one) for one in kubelets]
        opened.pop_all()
    api_host = _advertised(layout) if ip_address(address).is_unspecified else address
    api_at = Endpoint(api_host, endpoint(api).port)
    return Listening(api=api, api_at=api_at, kubelets=kubelets, endpoints=endpoints)


def listen_on_each(addresses: Iterable[str], *, api_port: int, kubelet_port: int) -> Listening:
    """Bind the API's socket on loopback, and a kubelet's on each of the addresses. Raises ConfigError, as `listen`."""
    with ExitStack() as opened:
        api = opened.enter_context(bound(LOOPBACK, api_port, AskedBy("api_port", "api_port")))
        kubelets = bound_on_each(addresses, kubelet_port, AskedBy("addresses", "kubelet_port"))
        opened.pop_all()
    endpoints = [endpoint(one) for one in kubelets]
    return Listening(api=api, api_at=endpoint(api), kubelets=kubelets, endpoints=endpoints)


def ip_of(name: str, option: str) -> str:
    """The IP address of a name, or of one as it stands. Raises ConfigError: there is none."""
    try:
        return str(ip_address(name))
    except ValueError:
        pass
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ConfigError(f"{option}: {name!r} is neither an IP address nor the name of one: {error}") from error
    return str(min(found)[4][0])  # IPv4 before IPv6


def _on_one_address(layout: ListenAddresses, address: str, nodes: int) -> tuple[list[socket.socket], list[Endpoint]]:
    if layout.kubelet_port and layout.kubelet_port + nodes - 1 > _LAST_PORT:
        raise ConfigError(f"--kubelet-port: there are no {nodes} ports from {layout.kubelet_port} on")
    host = _advertised(layout)
    kubelets = bound_in_a_row(address, layout.kubelet_port, nodes, AskedBy("--listen-ip", "--kubelet-port"))
    return kubelets, [Endpoint(host, endpoint(one).port) for one in kubelets]


def _advertised(layout: ListenAddresses) -> str:
    if layout.kubelet_host:
        return ip_of(layout.kubelet_host, "--kubelet-host")
    address = ip_of(layout.listen_ip, "--listen-ip")
    return ip_of(socket.gethostname(), "--kubelet-host") if ip_address(address).is_unspecified else address


def _addresses(first: str, count: int) -> list[str]:
    try:
        start: IPv4Address | IPv6Address = ip_address(first)
        return [str(start + number) for number in range(count)]
    except AddressValueError as error:
        raise ConfigError(f"--first-kubelet-ip: there are no {count} addresses from {first} on") from error
    except ValueError as error:
        raise ConfigError(f"--first-kubelet-ip: {first!r} is not an IP address") from error
