"""The processor's figures about itself."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Gauge

scrapes: Final = Counter(
    "heapster_processor_scrapes", "Records of kubelet-stats: new, duplicate, late, failed, rejected.", ["outcome"]
)
problems: Final = Counter("heapster_processor_problems", "Odd values in scrapes, by what was odd.", ["problem"])
totals: Final = Counter(
    "heapster_processor_group_totals", "Records of group-sums: new, stale, late, progress, rejected.", ["outcome"]
)
batches: Final = Counter("heapster_processor_batches", "Batches sent to derived-metrics.", ["kind"])
held_windows: Final = Gauge("heapster_processor_group_batches_pending", "Group batches still to be written.")


def count_problems(found: Mapping[str, int]) -> None:
    """Add what one scrape had."""
    for problem, times in found.items():
        problems.labels(problem).inc(times)
