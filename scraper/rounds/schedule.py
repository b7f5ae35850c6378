"""When a window is scraped, and when each node in it. Source: Heapster's manager loop (docs/processing.md, 1 and 2).

Windows are aligned to the year 1, like Go's `Truncate`. A window is scraped `SCRAPE_OFFSET_NS` after its end, when the
kubelets have sampled it.
"""

import hashlib
from typing import Final, NamedTuple

SCRAPE_OFFSET_NS: Final = 5_000_000_000
MIN_RESOLUTION: Final = "5s"
MAX_SPREAD_SHARE: Final = 0.5  # of a window
_DEFAULT_ROUND_NS: Final = 20_000_000_000
_SPREAD_PER_NODE_NS: Final = 12_000_000
_MAX_DEFAULT_SPREAD_NS: Final = 12_000_000_000
_RESERVED_FOR_ANSWERS_NS: Final = 8_000_000_000  # from the last request to the end of a round
_YEAR_1_NS: Final = -62_135_596_800 * 1_000_000_000


class Window(NamedTuple):
    """A window; its end is the event time of all records scraped for it."""

    end_ns: int

    @property
    def due_at_ns(self) -> int:
        """When the scrape round of this window starts."""
        return self.end_ns + SCRAPE_OFFSET_NS


def floor_ns(time_ns: int, resolution_ns: int) -> int:
    """The last window boundary at or before a time."""
    return (time_ns - _YEAR_1_NS) // resolution_ns * resolution_ns + _YEAR_1_NS


def first_window(now_ns: int, resolution_ns: int) -> Window:
    """The first window of a worker: the one that contains `now_ns`."""
    return Window(floor_ns(now_ns, resolution_ns) + resolution_ns)


def next_window(last: Window, now_ns: int, resolution_ns: int) -> Window:
    """The window after `last`, or the current one if that is overdue: missed windows are not scraped later.

    Heapster always took the current window and so skipped every second one at a resolution of 5 s.
    """
    following = Window(last.end_ns + resolution_ns)
    return following if following.due_at_ns >= now_ns else first_window(now_ns, resolution_ns)


def windows_behind(last: Window, now_ns: int, resolution_ns: int) -> int:
    """Number of windows due after `last`, the last one scraped; 1 while the next round runs."""
    return max(0, (floor_ns(now_ns - SCRAPE_OFFSET_NS, resolution_ns) - last.end_ns) // resolution_ns)


def max_round_ns(resolution_ns: int, spread_ns: int = 0) -> int:
    """Timeout of a whole round whose requests are spread over `spread_ns`; it ends before the next round starts."""
    return min(max(_DEFAULT_ROUND_NS, spread_ns + _RESERVED_FOR_ANSWERS_NS), resolution_ns * 8 // 10)


def default_spread_ns(nodes: int, resolution_ns: int) -> int:
    """Time over which the requests of a round are spread by default; `nodes` are all nodes of the cluster.

    12 ms per node, or 83 nodes per second: the rate that one worker of each kind sustains on two shared cores. Heapster
    used 8 ms and at most 4 s, reached at 500 nodes; a higher rate would only make records wait in Kafka.
    """
    return min(_SPREAD_PER_NODE_NS * nodes, _MAX_DEFAULT_SPREAD_NS, resolution_ns // 5)


def limited_spread_ns(spread_ns: int, left_ns: int) -> int:
    """`spread_ns`, shortened to fit into the rest of a round, for nodes taken over during the round.

    After the last request 8 s remain for the answer, or three eighths of the rest if that is less. A spread of half a
    window therefore still fits.
    """
    return max(0, min(spread_ns, max(left_ns - _RESERVED_FOR_ANSWERS_NS, left_ns * 5 // 8)))


def spread_position(node: str) -> float:
    """Position of a node within the spread, from 0 to 1.

    It depends only on the name, so that a node is scraped at the same point of every window by every worker.
    """
    return int.from_bytes(hashlib.blake2b(node.encode(), digest_size=4).digest()) / 2**32
