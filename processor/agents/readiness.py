"""Readiness of a worker and its gauges, updated every second, also while the tables are recovering."""

import logging
from collections.abc import Callable, Mapping
from typing import Final

import faust

from processor import telemetry
from runtime.health import NO_PARTITIONS, PARTITIONS, Health

log = logging.getLogger(__name__)

INTERVAL_S: Final = 1.0
STUCK_AFTER_S: Final = 60.0
"""Rebuilding a partition or recovering large tables blocks the event loop, but for less than this."""

RECOVERING: Final = "recovering state: the tables are being read from their changelogs"


class Readiness:
    """Reports readiness and that the event loop is running, and sets the gauges."""

    def __init__(self, app: faust.App, lag: Callable[[], Mapping[str, Mapping[int, int]]], health: Health) -> None:
        """Start as not ready; `lag` returns the records still to be processed, by topic and assigned partition."""
        self._app = app
        self._lag = lag
        self._health = health
        self._generation = 0
        self._logged: dict[str, list[int]] = {}  # partitions by topic
        health.report(PARTITIONS, NO_PARTITIONS)

    async def run(self) -> None:
        """Run until the worker stops."""
        while not self._app.should_stop:
            self._health.beat("event loop", STUCK_AFTER_S)
            lag = self._lag()
            has_work = any(lag.values())
            recovering = self._app.in_recovery or self._app.rebalancing
            self._health.report(PARTITIONS, None if has_work else NO_PARTITIONS)
            self._health.report("state", RECOVERING if has_work and recovering else None)
            telemetry.set_lag(lag)
            self._log_partitions({topic: sorted(partitions) for topic, partitions in lag.items()})
            self._count_rebalances()
            await self._app.sleep(INTERVAL_S)

    def _log_partitions(self, partitions: dict[str, list[int]]) -> None:
        for topic, numbers in partitions.items():
            if numbers != self._logged.get(topic, []):
                log.info("partitions of this worker", extra={"topic": topic, "partitions": numbers})
        self._logged = partitions

    def _count_rebalances(self) -> None:
        generation = self._app.consumer_generation_id or 0
        if generation > self._generation:
            telemetry.rebalances.inc()
        self._generation = generation
