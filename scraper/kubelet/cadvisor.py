"""The lines of a kubelet's `/metrics/cadvisor` that are kept: four metrics out of 1 to 3 MB.

The lines are kept unchanged, so that a replay sees the kubelet's response. They resemble each other and compress well.
"""

from collections.abc import Iterator
from typing import Final

from schemas.cadvisor import CADVISOR_METRICS

_LINE_PREFIXES: Final = tuple(f"\n{name}{{".encode() for name in CADVISOR_METRICS)
_COMMENTS: Final = (b"\n# HELP ", b"\n# TYPE ")


class NotMetricsError(ValueError):
    """The response is not in Prometheus' text format."""


def used_lines(document: bytes) -> bytes:
    """The lines of the metrics in use; empty if the kubelet does not have these metrics, as on Windows.

    Raises:
        NotMetricsError: the document is not in Prometheus' text format.
    """
    lines = b"\n" + document
    found = b"".join(_groups(lines))
    if not found and document.strip() and not any(comment in lines for comment in _COMMENTS):
        raise NotMetricsError("not in Prometheus' text format")
    return found.removeprefix(b"\n")


def _groups(lines: bytes) -> Iterator[bytes]:
    """For each metric in use, the text from its first to its last line: the format keeps a metric's lines together.

    Two searches per metric are much faster than reading every line. Lines of other metrics in between do no harm.
    """
    for prefix in _LINE_PREFIXES:
        first = lines.find(prefix)
        if first >= 0:
            end = lines.find(b"\n", lines.rfind(prefix) + 1)
            yield lines[first:] if end < 0 else lines[first:end]
