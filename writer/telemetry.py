"""The writer's figures about itself, by sink."""

from typing import Final

from prometheus_client import Counter, Gauge, Histogram

points_written: Final = Counter("heapster_writer_points_written", "Points that the sink has acknowledged.", ["sink"])
requests: Final = Counter(
    "heapster_writer_requests", "Write requests: written, refused, unavailable.", ["sink", "outcome"]
)
latency: Final = Histogram(
    "heapster_writer_request_seconds", "From a write request to its answer, or to giving up on one.", ["sink"]
)
request_bytes: Final = Counter(
    "heapster_writer_request_bytes", "Bytes of line protocol in write requests, before compression.", ["sink"]
)
records: Final = Counter("heapster_writer_records", "Records of derived-metrics that are written.", ["sink"])
record_bytes: Final = Counter("heapster_writer_record_bytes", "Bytes of the records that are written.", ["sink"])
partitions: Final = Gauge("heapster_writer_partitions", "Partitions that are this worker's.", ["sink"])
rebalances: Final = Counter("heapster_writer_rebalances", "Times that this worker's partitions have changed.", ["sink"])
retries: Final = Counter("heapster_writer_retries", "Write requests sent once more after a failure.", ["sink"])
points_left_out: Final = Counter(
    "heapster_writer_points_left_out",
    "Points not written, or mended first, by what was odd about them.",
    ["sink", "reason"],
)
dead_letters: Final = Counter(
    "heapster_writer_dead_letters",
    "Records sent to the dead-letter topic: undecodable, or refused in part.",
    ["sink", "reason"],
)
stale_batches: Final = Counter(
    "heapster_writer_stale_batches", "Batches of groups skipped because a newer version was seen.", ["sink"]
)
lag_records: Final = Gauge(
    "heapster_writer_lag_records", "Records of the partitions read here still to be written.", ["sink"]
)
oldest_uncommitted: Final = Gauge(
    "heapster_writer_oldest_uncommitted_seconds",
    "Window end (seconds since the epoch) of the oldest record read but not yet written; 0 when there is none.",
    ["sink"],
)
