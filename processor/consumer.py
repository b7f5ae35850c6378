"""A consumer that delivers every record of a partition in order, also around a rebalance.

After a rebalance Faust seeks to the committed offsets. Records that were fetched before the seek may still come out
behind it: Faust takes them for a gap in the topic, counts what lies between as done, and drops it when it comes.
"""

import logging
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP
from faust.types.tuples import Message

log = logging.getLogger(__name__)


class _Sought(NamedTuple):
    offset: int
    fetch: int


class OrderedConsumer(Consumer):
    """Goes back where a record does not follow the one before."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's own parameters
        """As Faust makes its consumers."""
        super().__init__(*args, **kwargs)
        self._next: dict[TP, int] = {}
        self._sought: dict[TP, _Sought] = {}
        self._too_early: set[TP] = set()
        self._fetches = 0

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, to the beginning where none is, and go on from there only."""
        await super().perform_seek()
        committed = {tp: self._committed_offset[tp] for tp in self.assignment()}
        uncommitted = [tp for tp, offset in committed.items() if offset is None]
        earliest = await self.earliest_offsets(*uncommitted) if uncommitted else {}
        self._next = {tp: offset if offset is not None else earliest.get(tp) or 0 for tp, offset in committed.items()}
        self._sought.clear()
        self._too_early.clear()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - Faust's
        """The records that come next, those left out that follow no other."""
        self._fetches += 1
        if self._too_early and not self.app.rebalancing:
            for tp in self._too_early & self._next.keys():
                await self.seek(tp, self._next[tp])
            self._too_early.clear()
        async for tp, message in super().getmany(timeout):
            if not self.app.topics.acks_enabled_for(message.topic) or await self._follows(tp, message.offset):
                yield tp, message

    async def _follows(self, tp: TP, offset: int) -> bool:
        if self.app.rebalancing:  # the tables may not be restored yet: fetched again when they surely are
            self._too_early.add(tp)
            return False
        expected = self._next.get(tp, offset)
        if offset > expected:
            sought = self._sought.get(tp)
            if sought is None or sought.offset != expected:
                log.info(
                    "going back", extra={"topic": tp.topic, "partition": tp.partition, "from": offset, "to": expected}
                )
                self._sought[tp] = _Sought(expected, self._fetches)
                await self.seek(tp, expected)
                return False
            if sought.fetch == self._fetches:
                return False
            # asked for again, and still not there: they are gone from the topic
            log.warning(
                "records are gone",
                extra={"topic": tp.topic, "partition": tp.partition, "from": expected, "to": offset},
            )
        self._next[tp] = offset + 1
        return True
