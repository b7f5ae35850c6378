"""Where the agents' results go."""

from typing import Protocol

from faust.types import EventT

from processor.agents.ack_tracker import Sent
from schemas.group_sum import GroupSum, SourceProgress
from schemas.metric_batch import MetricBatch


class RejectedError(Exception):
    """A record of which nothing can be made or sent, now or later: it goes to the dead letters. Says why.

    `kind` is what it is counted as: undecodable, broke (the processing) or unsendable.
    """

    def __init__(self, reason: str, kind: str) -> None:
        """Why, in words and in one."""
        super().__init__(reason)
        self.kind = kind


class Output(Protocol):
    """Each call begins a send; its result is done when Kafka has acknowledged it."""

    async def batch(self, batch: MetricBatch) -> Sent:
        """To `derived-metrics`. Raises RejectedError: no schema fits, or Kafka takes none so large."""

    async def total(self, total: GroupSum) -> Sent:
        """To `group-sums`."""

    async def progress(self, progress: SourceProgress) -> list[Sent]:
        """To every partition of `group-sums`."""

    async def reject(self, event: EventT[bytes], reason: str) -> Sent:
        """The record, as it came, to the dead-letter topic; without its value if Kafka does not take that."""
