"""The limit of open files: every kept connection counts, and many systems start a process with a limit of 1,024."""

import resource
from contextlib import suppress


def raise_limit() -> None:
    """Raise the soft limit to the hard limit, as Go programs do."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems report no hard limit but enforce one
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def max_connections(wanted: int) -> int:
    """Number of connections to keep, at most `wanted`.

    A quarter of the limit is left for requests in flight, watches and connections to Kafka.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed == resource.RLIM_INFINITY:
        return wanted
    return max(1, min(wanted, allowed * 3 // 4))
