"""Prometheus metrics of the processor."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Gauge, Histogram

scrapes: Final = Counter(
    "heapster_processor_scrapes", "Records of kubelet-stats: new, duplicate, late, failed or rejected.", ["outcome"]
)
problems: Final = Counter("heapster_processor_problems", "Invalid values found in scrapes, by problem.", ["problem"])
totals: Final = Counter(
    "heapster_processor_group_totals", "Group totals of group-sums: new, stale, late or rejected.", ["outcome"]
)
batches: Final = Counter("heapster_processor_batches", "Batches sent to derived-metrics.", ["kind"])
batch_bytes: Final = Counter("heapster_processor_batch_bytes", "Bytes of the batches sent to derived-metrics.")
record_bytes: Final = Counter("heapster_processor_record_bytes", "Bytes of the records read, by topic.", ["topic"])
processing: Final = Histogram(
    "heapster_processor_scrape_seconds",
    "Time to process one scrape.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0),
)
newest_window: Final = Gauge(
    "heapster_processor_window_end_seconds", "Window end of the last processed scrape, in seconds since the epoch."
)
dead_letters: Final = Counter(
    "heapster_processor_dead_letters",
    "Dead letters sent: undecodable, broke (processing failed) or unsendable.",
    ["reason"],
)
lag_records: Final = Gauge("heapster_processor_lag_records", "Unprocessed records of assigned partitions.", ["topic"])
partitions: Final = Gauge("heapster_processor_partitions", "Partitions assigned to this worker.", ["topic"])
rebalances: Final = Counter("heapster_processor_rebalances", "Rebalances of the consumer group.")
pending_batches: Final = Gauge("heapster_processor_group_batches_pending", "Group batches still to be written.")


def set_lag(lag: Mapping[str, Mapping[int, int]]) -> None:
    """Set the gauges from the records still to be processed, by topic and assigned partition."""
    for topic, of_topic in lag.items():
        lag_records.labels(topic).set(sum(of_topic.values()))
        partitions.labels(topic).set(len(of_topic))


def count_problems(found: Mapping[str, int]) -> None:
    """Count the problems of one scrape."""
    for problem, times in found.items():
        problems.labels(problem).inc(times)
