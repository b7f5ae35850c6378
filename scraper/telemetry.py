"""The scraper's figures about itself."""

from collections.abc import Iterable, Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from runtime.duration import NS_PER_S
from scraper.rounds.record import Outcome

_SCRAPE_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_ROUND_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 10, 12, 15, 20, 30, 40, 60, 120, 300)

scrapes: Final = Counter("heapster_scraper_scrapes", "Kubelets asked: answered, failed.", ["outcome"])
cadvisor: Final = Counter(
    "heapster_scraper_cadvisor", "Kubelets asked for cadvisor's metrics: answered, failed.", ["outcome"]
)
duration: Final = Histogram(
    "heapster_scraper_scrape_seconds", "From request to answer or failure.", buckets=_SCRAPE_BUCKETS_S
)
records: Final = Counter("heapster_scraper_records", "Records for kubelet-stats: delivered, failed.", ["outcome"])
requests: Final = Counter("heapster_scraper_api_requests", "Lists and watches begun.", ["resource", "verb"])
record_bytes: Final = Counter("heapster_scraper_record_bytes", "Bytes of the records that Kafka has acknowledged.")
document_bytes: Final = Counter("heapster_scraper_document_bytes", "Bytes of the documents that kubelets answered.")
waiting: Final = Gauge("heapster_scraper_records_waiting", "Records that Kafka has not acknowledged yet.")
round_seconds: Final = Histogram(
    "heapster_scraper_round_seconds", "From a window's first request to its last answer.", buckets=_ROUND_BUCKETS_S
)
behind: Final = Gauge(
    "heapster_scraper_windows_behind", "Windows that have ended since the one that was scraped last; 0 is up to date."
)
rebalances: Final = Counter("heapster_scraper_rebalances", "Times that this worker's partitions have changed.")
missed: Final = Counter("heapster_scraper_windows_missed", "Windows that passed without a round.")
nodes: Final = Gauge("heapster_scraper_nodes", "Nodes scraped here in the last window.")
skipped: Final = Gauge("heapster_scraper_nodes_skipped", "Nodes that are not ready or have no valid address.")
partitions: Final = Gauge("heapster_scraper_partitions", "Partitions that are this worker's.")
clock_offset: Final = Gauge("heapster_scraper_clock_offset_seconds", "A kubelet's clock minus the scraper's.", ["node"])


def note_round(outcomes: Iterable[Outcome], offsets_ns: Mapping[str, int]) -> None:
    """What came of one round; `offsets_ns` is by node, and there is no figure for others."""
    for outcome in outcomes:
        scrapes.labels("failed" if outcome.error else "answered").inc()
        duration.observe(outcome.duration_ns / NS_PER_S)
    clock_offset.clear()
    for node, offset_ns in offsets_ns.items():
        clock_offset.labels(node).set(offset_ns / NS_PER_S)


def note_cadvisor(*, asked: int, missing: int) -> None:
    """How many were asked for cadvisor's metrics in one round, and of how many they are missing."""
    cadvisor.labels("answered").inc(asked - missing)
    cadvisor.labels("failed").inc(missing)
