"""Whether each node was scraped once per window, but where a fault stopped the scraping."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.node_scrape import NodeScrape


class Interval(NamedTuple):
    """From when to when, in nanoseconds since the epoch."""

    begin_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What there is of the windows between the first and the last one of all nodes."""

    scraped: int  # node-windows
    missed: int  # while a fault stopped the scraping
    unexplained: tuple[str, ...]  # missed or doubled without one


def windows(scrapes: Iterable[NodeScrape], stopped: Sequence[Interval], fires_after_ns: int) -> Windows:
    """Count; `stopped` is when faults kept scrapers from their work, a window fires that long after its end."""
    counts: Counter[tuple[int, str]] = Counter()
    resolution_ns = 0
    for scrape in scrapes:
        counts[scrape.window_end_ns, scrape.node] += 1
        resolution_ns = scrape.resolution_ns
    nodes = {node for _, node in counts}
    full = sorted(end for end in {end for end, _ in counts} if all((end, node) in counts for node in nodes))
    missed, unexplained = 0, []
    for end_ns in range(full[0], full[-1] + 1, resolution_ns) if full else ():
        excused = any(each.begin_ns <= end_ns + fires_after_ns <= each.end_ns for each in stopped)
        for node in sorted(nodes):
            times = counts[end_ns, node]
            missed += times == 0
            if times != 1 and not excused:
                unexplained.append(f"{node} was scraped {times} times in the window that ended at {end_ns}")
    return Windows(scraped=len(counts), missed=missed, unexplained=tuple(unexplained))
