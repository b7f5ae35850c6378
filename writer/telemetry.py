"""The writer's own metrics, by sink."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

points_written: Final = Counter("heapster_writer_points_written", "Points that the sink has acknowledged.", ["sink"])
requests: Final = Counter(
    "heapster_writer_requests", "Write requests by outcome: written, refused, unavailable.", ["sink", "outcome"]
)
latency: Final = Histogram(
    "heapster_writer_request_seconds", "Duration of write requests, including those that time out.", ["sink"]
)
request_bytes: Final = Counter(
    "heapster_writer_request_bytes", "Bytes sent in write requests, before compression.", ["sink"]
)
records: Final = Counter("heapster_writer_records", "Records of derived-metrics written and committed.", ["sink"])
record_bytes: Final = Counter(
    "heapster_writer_record_bytes", "Bytes of the values of records written and committed.", ["sink"]
)
partitions: Final = Gauge("heapster_writer_partitions", "Partitions assigned to this worker.", ["sink"])
rebalances: Final = Counter("heapster_writer_rebalances", "Changes of this worker's partition assignment.", ["sink"])
retries: Final = Counter(
    "heapster_writer_retries", "Write requests retried because the sink was unavailable.", ["sink"]
)
points_left_out: Final = Counter(
    "heapster_writer_points_left_out", "Points omitted, or changed before writing, by reason.", ["sink", "reason"]
)
dead_letters: Final = Counter(
    "heapster_writer_dead_letters",
    "Records sent to the dead-letter topic by reason: undecodable, or refused by the sink in whole or part.",
    ["sink", "reason"],
)
stale_batches: Final = Counter(
    "heapster_writer_stale_batches", "Batches skipped because a newer version of them was read.", ["sink"]
)
lag_records: Final = Gauge(
    "heapster_writer_lag_records", "Consumer lag over the partitions assigned to this worker, in records.", ["sink"]
)
oldest_uncommitted: Final = Gauge(
    "heapster_writer_oldest_uncommitted_seconds",
    "Timestamp (seconds since the epoch) of the oldest record read but not yet committed; 0 if there is none.",
    ["sink"],
)
