"""How the worker of one sink stands: readiness, figures, and a line in the log for each written batch."""

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
    """Told by the worker each time round."""

    def __init__(self, sink: str, outage: OutageLog, health: Health) -> None:
        """Not ready before the first report."""
        self._sink = sink
        self._outage = outage
        self._health = health
        self._partitions: frozenset[int] = frozenset()
        health.report(f"partitions for {sink}", NO_PARTITIONS)

    def report(self, intake: RecordConsumer) -> None:
        """The worker goes round."""
        self._health.beat(f"writing to {self._sink}", STUCK_AFTER_S)
        self._health.report(f"partitions for {self._sink}", None if intake.partitions else NO_PARTITIONS)
        self._health.report(self._sink, self._outage.reason)
        if intake.partitions != self._partitions:
            telemetry.rebalances.labels(self._sink).inc()
        self._partitions = intake.partitions
        telemetry.partitions.labels(self._sink).set(len(intake.partitions))
        telemetry.lag_records.labels(self._sink).set(intake.lag())

    def written(self, hand: WriteBatch, points: int, lag: int, seconds: float) -> None:
        """The hand is written and committed."""
        for problem, times in hand.problems.items():
            telemetry.points_left_out.labels(self._sink, problem).inc(times)
        telemetry.stale_batches.labels(self._sink).inc(hand.stale)
        telemetry.records.labels(self._sink).inc(len(hand))
        telemetry.record_bytes.labels(self._sink).inc(hand.record_bytes)
        telemetry.oldest_uncommitted.labels(self._sink).set(0)
        figures = {"records": len(hand), "points": points, "seconds": round(seconds, 3), "lag": lag}
        log.info("batch written", extra={"sink": self._sink, **figures})
