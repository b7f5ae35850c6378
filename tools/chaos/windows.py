"""Whether each node was scraped once per window, but where a fault has cost one."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.node_scrape import NodeScrape


class Excuse(NamedTuple):
    """A takeover: of each node in these partitions one window may be missing that fires from when to when."""

    partitions: frozenset[int]
    begin_ns: int  # since the epoch
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """What there is of the windows between the first and the last one of all nodes."""

    scraped: int  # node-windows
    missed: int  # of those, such as a takeover has cost
    unexplained: tuple[str, ...]  # missed without one, or doubled


def windows(scrapes: Mapping[int, Iterable[NodeScrape]], excuses: Sequence[Excuse], fires_after_ns: int) -> Windows:
    """Count the scrapes, by partition; a window fires that long after its end. No excuse is one for a double."""
    counts: Counter[tuple[str, int]] = Counter()
    partitions: dict[str, int] = {}
    resolution_ns = 0
    for partition, found in scrapes.items():
        for scrape in found:
            counts[scrape.node, scrape.window_end_ns] += 1
            partitions[scrape.node] = partition
            resolution_ns = scrape.resolution_ns
    ends = {end for _, end in counts}
    full = sorted(end for end in ends if all((node, end) in counts for node in partitions))
    between = range(full[0], full[-1] + 1, resolution_ns) if full else range(0)
    told, missed = [], 0
    for node, partition in sorted(partitions.items()):
        missing = [end for end in between if not counts[node, end]]
        mine = [each for each in excuses if partition in each.partitions]
        bad = _not_excused([end + fires_after_ns for end in missing], mine)
        missed += len(missing) - len(bad)
        told += [f"{node} was not scraped in the window that ended at {at - fires_after_ns}" for at in bad]
        told += [
            f"{node} was scraped {counts[node, end]} times in the window that ended at {end}"
            for end in between
            if counts[node, end] > 1
        ]
    return Windows(scraped=len(counts), missed=missed, unexplained=tuple(told))


def _not_excused(times_ns: Sequence[int], excuses: Sequence[Excuse]) -> list[int]:
    """Those of the times that are left when each excuse has taken one; the excuse that ends first is used first."""
    left = sorted(excuses, key=lambda each: each.end_ns)
    bad = []
    for time_ns in times_ns:
        fitting = next((each for each in left if each.begin_ns <= time_ns <= each.end_ns), None)
        if fitting is None:
            bad.append(time_ns)
        else:
            left.remove(fitting)
    return bad
