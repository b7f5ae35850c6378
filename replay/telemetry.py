"""Prometheus metrics of a replay: the progress of all its workers together."""

from typing import Final

from prometheus_client import Gauge

from replay.progress_snapshot import ProgressSnapshot
from replay.time_range import TimeRange
from runtime.duration import NS_PER_S

first_window: Final = Gauge("heapster_replay_first_window_seconds", "End of the first window, --from.")
last_window: Final = Gauge("heapster_replay_last_window_seconds", "End of the last window, --to.")
window_end: Final = Gauge(
    "heapster_replay_window_end_seconds", "End of the window that all partitions have reached; 0 before the first."
)
records: Final = Gauge("heapster_replay_records", "Number of records of kubelet-stats to read.")
records_done: Final = Gauge("heapster_replay_records_done", "Number of records of kubelet-stats that are processed.")
batches: Final = Gauge("heapster_replay_batches", "Batches computed.")
batches_written: Final = Gauge("heapster_replay_batches_written", "Batches written to the sink.", ["sink"])
lag: Final = Gauge("heapster_replay_lag_records", "Available records that are not processed yet.", ["topic"])


def export_progress(time_range: TimeRange, snapshot: ProgressSnapshot) -> None:
    """Set the metrics."""
    first_window.set(time_range.from_ns / NS_PER_S)
    last_window.set(time_range.to_ns / NS_PER_S)
    window_end.set((snapshot.reached_ns or 0) / NS_PER_S)
    records.set(snapshot.records)
    records_done.set(snapshot.records_done)
    batches.set(snapshot.batches)
    for sink, count in snapshot.written.items():
        batches_written.labels(sink).set(count)
    for topic, count in snapshot.lag.items():
        lag.labels(topic).set(count)
