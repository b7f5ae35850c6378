"""Listening sockets, bound before anything runs, so that a taken port is told at once and free ones are known."""

import errno
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final, NamedTuple

from runtime.errors import ConfigError
from simulator.objects import Endpoint

_ATTEMPTS: Final = 20
_BACKLOG: Final = 128


class AskedBy(NamedTuple):
    """The options that an address and a port come from, for the message if one cannot be had."""

    address: str
    port: str


def bound(address: str, port: int, asked_by: AskedBy) -> socket.socket:
    """A listening socket; port 0 is any free one. Raises ConfigError: no such address, or the port is taken."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        return socket.create_server((address, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigError(_message(error, address, port, asked_by)) from error


def bound_on_each(addresses: Iterable[str], port: int, asked_by: AskedBy) -> list[socket.socket]:
    """One socket on each address, all on the same port; port 0 is any that is free on all of them."""
    wanted = list(addresses)
    for _ in range(_ATTEMPTS - 1 if port == 0 else 0):
        try:
            return _all_of([(address, port) for address in wanted], asked_by, first_port_decides=True)
        except ConfigError:
            continue
    return _all_of([(address, port) for address in wanted], asked_by, first_port_decides=True)


def bound_in_a_row(address: str, port: int, count: int, asked_by: AskedBy) -> list[socket.socket]:
    """So many sockets on one address, on this port and the ones after it; port 0 is any free ones."""
    return _all_of([(address, port + n if port else 0) for n in range(count)], asked_by, first_port_decides=False)


def endpoint(listening: socket.socket) -> Endpoint:
    """Where a socket listens."""
    address, port = listening.getsockname()[:2]
    return Endpoint(address, port)


def _all_of(wanted: list[tuple[str, int]], asked_by: AskedBy, *, first_port_decides: bool) -> list[socket.socket]:
    found: list[socket.socket] = []
    with ExitStack() as opened:
        for address, port in wanted:
            common = endpoint(found[0]).port if found and first_port_decides else port
            found.append(opened.enter_context(bound(address, common, asked_by)))
        opened.pop_all()
    return found


def _message(error: OSError, address: str, port: int, asked_by: AskedBy) -> str:
    where = f"cannot listen on {address}:{port}"
    if error.errno == errno.EADDRNOTAVAIL:
        return f"{asked_by.address}: {where}: this machine has no such address; choose one that it has"
    if error.errno == errno.EADDRINUSE:
        return f"{asked_by.port}: {where}: the port is taken; choose another, or 0 for any free one"
    return f"{asked_by.port}: {where}: {error.strerror or error}"
