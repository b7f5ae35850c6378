"""Ports of the loopback interface, for servers that may fall and get up again."""

import errno
import socket
from secrets import SystemRandom
from typing import Final

LOOPBACK: Final = "127.0.0.1"
# Below those that the system gives to outgoing connections: a server that was down for a moment finds its port free.
_SERVER_PORTS: Final = range(15_000, 32_000)


def own_ports(count: int) -> list[int]:
    """So many ports that only servers of ours will find free for as long as this process lives.

    Raises OSError: there are too few.
    """
    ours: list[int] = []
    for port in SystemRandom().sample(_SERVER_PORTS, len(_SERVER_PORTS)):
        if _reserved(port):
            ours.append(port)
        if len(ours) == count:
            return ours
    raise OSError(
        errno.EADDRNOTAVAIL, f"there are no {count} free ports from {_SERVER_PORTS[0]} to {_SERVER_PORTS[-1]}"
    )


def usual_port(port: int) -> int:
    """That port, or a free one if somebody listens on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # connections that have ended are no matter
        try:
            tried.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return own_ports(1)[0]
            raise
    return port


def _reserved(port: int) -> bool:
    """Take a port that nobody has, and hold it without listening; False if somebody has it.

    Bound without SO_REUSEADDR it shares with nobody; with it from then on, a server that has it too, as all of ours
    do, may listen there.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as held:
        try:
            held.bind((LOOPBACK, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.detach()  # open until the end of this process
    return True
