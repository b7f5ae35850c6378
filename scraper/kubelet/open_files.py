"""How many files a process may have open: a kept connection is one, and many systems begin with 1,024."""

import resource
from contextlib import suppress


def allow_many() -> None:
    """As many as the system lets us have without asking, as every program in Go does."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems say that there is no limit, and mean one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def connections_kept(most: int) -> int:
    """How many connections may be kept, `most` at best.

    A quarter of the files is left to all else: requests in flight, watches, Kafka's brokers.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return most
    return max(1, min(most, allowed * 3 // 4))
