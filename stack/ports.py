"""Ports of the loopback interface."""

import errno
import socket
from secrets import SystemRandom
from typing import Final

LOOPBACK: Final = "127.0.0.1"
# Below those that the system gives to outgoing connections: a server that was down for a moment finds its port free.
_SERVER_PORTS: Final = range(15_000, 32_000)


def free_ports(count: int) -> list[int]:
    """So many different ports that nobody listens on now, at random. Raises OSError: there are too few."""
    found: list[int] = []
    for port in SystemRandom().sample(_SERVER_PORTS, len(_SERVER_PORTS)):
        if is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(
        errno.EADDRNOTAVAIL, f"there are no {count} free ports from {_SERVER_PORTS[0]} to {_SERVER_PORTS[-1]}"
    )


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: closed connections do not count
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True
