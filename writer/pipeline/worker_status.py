"""Readiness, metrics and log messages of one sink's worker."""

import logging
from typing import Final

from runtime.health import NO_PARTITIONS, Health
from writer import telemetry
from writer.pipeline.consumer import RecordConsumer
from writer.pipeline.outage_log import OutageLog
from writer.pipeline.write_batch import WriteBatch

log = logging.getLogger(__name__)

STUCK_AFTER_S: Final = 120.0


class WorkerStatus:
    """Reports what one worker does; called from its loop."""

    def __init__(self, sink: str, outage: OutageLog, health: Health) -> None:
        """Report that no partitions are assigned yet, so that the process is not ready."""
        self._sink = sink
        self._outage = outage
        self._health = health
        self._partitions: frozenset[int] = frozenset()
        health.report(f"partitions for {sink}", NO_PARTITIONS)

    def report(self, consumer: RecordConsumer) -> None:
        """Report that the worker is alive, with its assignment, lag and outage."""
        self._health.beat(f"writing to {self._sink}", STUCK_AFTER_S)
        self._health.report(f"partitions for {self._sink}", None if consumer.partitions else NO_PARTITIONS)
        self._health.report(self._sink, self._outage.reason)
        if consumer.partitions != self._partitions:
            telemetry.rebalances.labels(self._sink).inc()
        self._partitions = consumer.partitions
        telemetry.partitions.labels(self._sink).set(len(consumer.partitions))
        telemetry.lag_records.labels(self._sink).set(consumer.lag())

    def committed(self, write_batch: WriteBatch, points: int, lag: int, seconds: float) -> None:
        """Count and log records that are written and committed."""
        for problem, times in write_batch.problems.items():
            telemetry.points_left_out.labels(self._sink, problem).inc(times)
        telemetry.stale_batches.labels(self._sink).inc(write_batch.stale)
        telemetry.records.labels(self._sink).inc(len(write_batch))
        telemetry.record_bytes.labels(self._sink).inc(write_batch.record_bytes)
        telemetry.oldest_uncommitted.labels(self._sink).set(0)
        figures = {"records": len(write_batch), "points": points, "seconds": round(seconds, 3), "lag": lag}
        log.info("records written", extra={"sink": self._sink, **figures})
