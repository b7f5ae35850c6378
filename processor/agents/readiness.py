"""How a worker stands, told once a second to whoever watches it: also while its tables are being restored."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

import faust

from processor import telemetry
from runtime.health import NO_PARTITIONS, PARTITIONS, Health

log = logging.getLogger(__name__)

EVERY_S: Final = 1.0
STUCK_AFTER_S: Final = 60.0
"""A rebuilt partition or a large recovery keeps the event loop busy, but not for so long."""

RECOVERING: Final = "recovering state: the tables are being read from their changelogs"


class Readiness:
    """Reports readiness, and that the event loop turns; sets the figures that are states, not counts."""

    def __init__(self, app: faust.App, lag: Callable[[], Mapping[str, Mapping[int, int]]], health: Health) -> None:
        """`lag`: by topic and partition of this worker the records still to be processed."""
        self._app = app
        self._lag = lag
        self._health = health
        self._generation = 0
        self._told: dict[str, list[int]] = {}  # by topic
        health.report(PARTITIONS, NO_PARTITIONS)

    async def run(self) -> None:
        """Until the worker stops."""
        while not self._app.should_stop:
            self._health.beat("event loop", STUCK_AFTER_S)
            lag = self._lag()
            has_work = any(lag.values())
            recovering = self._app.in_recovery or self._app.rebalancing
            self._health.report(PARTITIONS, None if has_work else NO_PARTITIONS)
            self._health.report("state", RECOVERING if has_work and recovering else None)
            telemetry.note_lag(lag)
            self._tell({topic: sorted(partitions) for topic, partitions in lag.items()})
            self._count_rebalances()
            await self._app.sleep(EVERY_S)

    def _tell(self, partitions: dict[str, list[int]]) -> None:
        for topic, numbers in partitions.items():
            if numbers != self._told.get(topic, []):
                log.info("partitions of this worker", extra={"topic": topic, "partitions": numbers})
        self._told = partitions

    def _count_rebalances(self) -> None:
        generation = self._app.consumer_generation_id or 0
        if generation > self._generation:
            telemetry.rebalances.inc()
        self._generation = generation
