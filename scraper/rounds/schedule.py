"""When a window is scraped, and each node in it. Source: Heapster's manager loop (docs/processing.md, 1 and 2).

Windows are aligned to the year 1, as Go's `Truncate` does; a window is scraped a little after its end, when kubelets
have sampled it.
"""

import hashlib
from typing import Final, NamedTuple

SCRAPE_OFFSET_NS: Final = 5_000_000_000
SHORTEST_RESOLUTION: Final = "5s"
LONGEST_SPREAD_SHARE: Final = 0.5  # of a window
_USUAL_ROUND_NS: Final = 20_000_000_000
_SPREAD_A_NODE_NS: Final = 12_000_000
_USUAL_SPREAD_NS: Final = 12_000_000_000
_FOR_THE_LAST_NS: Final = 8_000_000_000
_YEAR_1_NS: Final = -62_135_596_800 * 1_000_000_000


class Window(NamedTuple):
    """A window: its end is the event time of all that is scraped for it."""

    end_ns: int

    @property
    def fires_at_ns(self) -> int:
        """When its scraping begins."""
        return self.end_ns + SCRAPE_OFFSET_NS


def floor_ns(time_ns: int, resolution_ns: int) -> int:
    """The last window boundary up to that time."""
    return (time_ns - _YEAR_1_NS) // resolution_ns * resolution_ns + _YEAR_1_NS


def first_window(now_ns: int, resolution_ns: int) -> Window:
    """The window that a worker begins with: the one that now lies in."""
    return Window(floor_ns(now_ns, resolution_ns) + resolution_ns)


def next_window(last: Window, now_ns: int, resolution_ns: int) -> Window:
    """The one after `last`; windows that were missed meanwhile are not made up.

    Heapster always took the window that now lies in, and so left out every other one at a resolution of 5 s.
    """
    following = Window(last.end_ns + resolution_ns)
    return following if following.fires_at_ns >= now_ns else first_window(now_ns, resolution_ns)


def windows_behind(last: Window, now_ns: int, resolution_ns: int) -> int:
    """How many windows should have fired since `last` was scraped; 1 while the next one is under way."""
    return max(0, (floor_ns(now_ns - SCRAPE_OFFSET_NS, resolution_ns) - last.end_ns) // resolution_ns)


def longest_round_ns(resolution_ns: int, spread_ns: int = 0) -> int:
    """How long a round may take, all nodes together: never into the next one. `spread_ns` of it asks the nodes."""
    return min(max(_USUAL_ROUND_NS, spread_ns + _FOR_THE_LAST_NS), resolution_ns * 8 // 10)


def usual_spread_ns(nodes: int, resolution_ns: int) -> int:
    """Over how long the requests of a round are spread, all scrapers together, if nothing else is asked for.

    12 ms a node, 83 nodes a second: what one worker of each kind keeps up with on two cores that all of them share.
    Heapster had 8 ms and stopped at 4 s, from 500 nodes on; here results would only wait in Kafka.
    """
    return min(_SPREAD_A_NODE_NS * nodes, _USUAL_SPREAD_NS, resolution_ns // 5)


def spread_in_time_ns(spread_ns: int, left_ns: int) -> int:
    """Of that spread, what fits into the rest of a round: late in it, for nodes taken over, it is less.

    Those asked last are to have time to answer: 8 s, or three eighths where there is less, which leaves half a window.
    """
    return max(0, min(spread_ns, max(left_ns - _FOR_THE_LAST_NS, left_ns * 5 // 8)))


def place(node: str) -> float:
    """Where in that spread a node is asked, from 0 to 1: the same in every round, so that its samples are even.

    By its name alone, in every process.
    """
    return int.from_bytes(hashlib.blake2b(node.encode(), digest_size=4).digest()) / 2**32
