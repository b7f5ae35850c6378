"""Where the agents' results go."""

from typing import Protocol

from faust.types import EventT

from processor.delivery import Sent
from schemas.group_sum import GroupSum, SourceProgress
from schemas.metric_batch import MetricBatch


class Output(Protocol):
    """Each call begins a send; its result is done when Kafka has acknowledged it."""

    async def batch(self, batch: MetricBatch) -> Sent:
        """To `derived-metrics`."""

    async def total(self, total: GroupSum) -> Sent:
        """To `group-sums`."""

    async def progress(self, progress: SourceProgress) -> list[Sent]:
        """To every partition of `group-sums`."""

    async def reject(self, event: EventT[bytes], reason: str) -> Sent:
        """The record, as it came, to the dead-letter topic."""
