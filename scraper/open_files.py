"""How many files a process may have open: a connection is kept to each kubelet, and many systems begin with 1,024."""

import resource
from contextlib import suppress


def allow_many() -> None:
    """As many as the system lets us have without asking, as every program in Go does."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # some systems say that there is no limit, and mean one
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
