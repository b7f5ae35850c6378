"""What is kept of a kubelet's `/metrics/cadvisor`: 1 to 3 MB, of which four metrics are used.

Their lines are kept as they came, so that a replay has what the kubelet said; the rest never reaches Kafka. They differ
in few characters, so a compressed record hardly grows by them.
"""

from collections.abc import Iterator
from typing import Final

from schemas.cadvisor import CADVISOR_METRICS

_BEGINNINGS: Final = tuple(f"\n{name}{{".encode() for name in CADVISOR_METRICS)
_COMMENTS: Final = (b"\n# HELP ", b"\n# TYPE ")


class NotMetricsError(ValueError):
    """No kubelet answers so; the message says what is wrong."""


def used_lines(document: bytes) -> bytes:
    """The lines that are used.

    None at all is right for a kubelet that has no such metrics, as on Windows.

    Raises:
        NotMetricsError: this is nothing of Prometheus' text format.
    """
    lines = b"\n" + document
    found = b"".join(_groups(lines))
    if not found and document.strip() and not any(comment in lines for comment in _COMMENTS):
        raise NotMetricsError("metrics in Prometheus' text format are expected")
    return found.removeprefix(b"\n")


def _groups(lines: bytes) -> Iterator[bytes]:
    """Of each metric that is used, from its first line to its last: the format has them in one group.

    Two searches for each are much faster than a look at every line. Lines of another metric in between do no harm.
    """
    for beginning in _BEGINNINGS:
        first = lines.find(beginning)
        if first >= 0:
            end = lines.find(b"\n", lines.rfind(beginning) + 1)
            yield lines[first:] if end < 0 else lines[first:end]
