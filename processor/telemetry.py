"""The processor's figures about itself."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

scrapes: Final = Counter(
    "heapster_processor_scrapes", "Records of kubelet-stats: new, duplicate, late, failed, rejected.", ["outcome"]
)
problems: Final = Counter("heapster_processor_problems", "Odd values in scrapes, by what was odd.", ["problem"])
totals: Final = Counter(
    "heapster_processor_group_totals", "Records of group-sums: new, stale, late, progress, rejected.", ["outcome"]
)
batches: Final = Counter("heapster_processor_batches", "Batches sent to derived-metrics.", ["kind"])
batch_bytes: Final = Counter("heapster_processor_batch_bytes", "Bytes of the batches sent to derived-metrics.")
record_bytes: Final = Counter("heapster_processor_record_bytes", "Bytes of the records read.", ["topic"])
processing: Final = Histogram(
    "heapster_processor_scrape_seconds",
    "Time to compute what follows from one scrape.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
newest_window: Final = Gauge(
    "heapster_processor_window_end_seconds", "Window end, in seconds since the epoch, of the scrape processed last."
)
dead_letters: Final = Counter(
    "heapster_processor_dead_letters",
    "Dead letters sent: undecodable, broke (the processing), unsendable.",
    ["reason"],
)
lag_records: Final = Gauge("heapster_processor_lag_records", "Records read here still to be processed.", ["topic"])
partitions: Final = Gauge("heapster_processor_partitions", "Partitions that are this worker's.", ["topic"])
rebalances: Final = Counter("heapster_processor_rebalances", "Times that the group has shared the partitions anew.")
held_windows: Final = Gauge("heapster_processor_group_batches_pending", "Group batches still to be written.")


def note_lag(lag: Mapping[str, Mapping[int, int]]) -> None:
    """Records still to be processed, by topic and partition of this worker."""
    for topic, of_topic in lag.items():
        lag_records.labels(topic).set(sum(of_topic.values()))
        partitions.labels(topic).set(len(of_topic))


def count_problems(found: Mapping[str, int]) -> None:
    """Add what one scrape had."""
    for problem, times in found.items():
        problems.labels(problem).inc(times)
