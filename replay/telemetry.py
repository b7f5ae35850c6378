"""The replay's figures about itself: where all its workers together stand, as Kafka knows it."""

from typing import Final

from prometheus_client import Gauge

from replay.progress_snapshot import ProgressSnapshot
from replay.time_range import TimeRange
from runtime.duration import NS_PER_S

first_window: Final = Gauge("heapster_replay_first_window_seconds", "End of the first window, --from.")
last_window: Final = Gauge("heapster_replay_last_window_seconds", "End of the last window, --to.")
window_end: Final = Gauge(
    "heapster_replay_window_end_seconds", "End of the window that has been reached everywhere; 0 before the first."
)
records: Final = Gauge("heapster_replay_records", "Records of kubelet-stats that the replay reads.")
records_done: Final = Gauge("heapster_replay_records_done", "Records of kubelet-stats that are done.")
batches: Final = Gauge("heapster_replay_batches", "Batches computed.")
batches_written: Final = Gauge("heapster_replay_batches_written", "Batches that the sink has.", ["sink"])
lag: Final = Gauge("heapster_replay_lag_records", "Records that are to be done yet, of what is there.", ["topic"])


def export_progress(time_range: TimeRange, found: ProgressSnapshot) -> None:
    """Let the figures say so."""
    first_window.set(time_range.from_ns / NS_PER_S)
    last_window.set(time_range.to_ns / NS_PER_S)
    window_end.set((found.reached_ns or 0) / NS_PER_S)
    records.set(found.records)
    records_done.set(found.records_done)
    batches.set(found.batches)
    for sink, count in found.written.items():
        batches_written.labels(sink).set(count)
    for topic, count in found.lag.items():
        lag.labels(topic).set(count)
