"""Prometheus metrics that the scraper exports about itself."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

from runtime.duration import NS_PER_S

_SCRAPE_BUCKETS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20)
_ROUND_BUCKETS_S: Final = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 10, 12, 15, 20, 30, 40, 60, 120, 300)

scrapes: Final = Counter("heapster_scraper_scrapes", "Kubelet scrapes by outcome: answered or failed.", ["outcome"])
cadvisor: Final = Counter(
    "heapster_scraper_cadvisor", "Requests for /metrics/cadvisor by outcome: answered or failed.", ["outcome"]
)
scrape_seconds: Final = Histogram(
    "heapster_scraper_scrape_seconds", "Duration of one kubelet scrape, successful or not.", buckets=_SCRAPE_BUCKETS_S
)
records: Final = Counter("heapster_scraper_records", "Records sent to kubelet-stats: delivered or failed.", ["outcome"])
api_requests: Final = Counter("heapster_scraper_api_requests", "List and watch requests.", ["resource", "verb"])
record_bytes: Final = Counter("heapster_scraper_record_bytes", "Bytes of the records that Kafka has acknowledged.")
document_bytes: Final = Counter("heapster_scraper_document_bytes", "Bytes of the Summary responses of kubelets.")
records_waiting: Final = Gauge("heapster_scraper_records_waiting", "Records that Kafka has not acknowledged yet.")
round_seconds: Final = Histogram(
    "heapster_scraper_round_seconds", "Duration of one scrape round of all assigned nodes.", buckets=_ROUND_BUCKETS_S
)
windows_behind: Final = Gauge(
    "heapster_scraper_windows_behind", "Windows that are due and not scraped yet. Normal: 0, or 1 during a round."
)
rebalances: Final = Counter("heapster_scraper_rebalances", "Changes of this worker's partition assignment.")
windows_missed: Final = Counter("heapster_scraper_windows_missed", "Windows skipped without a scrape round.")
nodes: Final = Gauge("heapster_scraper_nodes", "Nodes that this worker scraped in the last window.")
nodes_skipped: Final = Gauge("heapster_scraper_nodes_skipped", "Nodes not ready or without a valid address.")
partitions: Final = Gauge("heapster_scraper_partitions", "Partitions assigned to this worker.")
clock_offset: Final = Gauge("heapster_scraper_clock_offset_seconds", "Kubelet clock minus scraper clock.", ["node"])


def count_scrape(duration_ns: int, *, failed: bool) -> None:
    """Count one scrape and its duration."""
    scrapes.labels("failed" if failed else "answered").inc()
    scrape_seconds.observe(duration_ns / NS_PER_S)


def set_clock_offsets(offsets_ns: Mapping[str, int]) -> None:
    """Replace the clock offsets by those of the last round, by node."""
    clock_offset.clear()
    for node, offset_ns in offsets_ns.items():
        clock_offset.labels(node).set(offset_ns / NS_PER_S)


def count_cadvisor(*, requested: int, failed: int) -> None:
    """Count the requests for cAdvisor metrics of one round."""
    cadvisor.labels("answered").inc(requested - failed)
    cadvisor.labels("failed").inc(failed)
