"""A consumer that delivers every record of a partition in order, also around a rebalance.

After a rebalance Faust seeks to the committed offsets. Records that were fetched before the seek may still come out
behind it: Faust takes them for a gap in the topic, counts what lies between as done, and drops it when it comes. Others
it drops in the middle of a fetch, and reads on behind them.
"""

import logging
from collections.abc import AsyncIterator
from typing import Any

from faust.transport.consumer import RecordMap
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP
from faust.types.tuples import Message

log = logging.getLogger(__name__)


class OrderedConsumer(Consumer):
    """Knows which record comes next in each partition, and goes back for it where another one does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's own parameters
        """As Faust makes its consumers."""
        super().__init__(*args, **kwargs)
        self._next: dict[TP, int] = {}  # offsets
        self._fetched: dict[TP, int] = {}  # up to which offset, in the last fetch
        self._sought: dict[TP, int] = {}  # where it went back to last

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, to the beginning where none is, and go on from there only."""
        await super().perform_seek()
        sources = [tp for tp in self.assignment() if self.app.topics.acks_enabled_for(tp.topic)]
        uncommitted = [tp for tp in sources if self._committed_offset[tp] is None]
        earliest = await self.earliest_offsets(*uncommitted) if uncommitted else {}
        for tp in uncommitted:  # Faust leaves these wherever they had been read to
            await self.seek(tp, earliest.get(tp) or 0)
        self._next = {tp: self._committed_offset[tp] or earliest.get(tp) or 0 for tp in sources}
        self._fetched.clear()
        self._sought.clear()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - Faust's
        """The records that come next; what the last fetch dropped is fetched again first."""
        if not self.app.rebalancing:
            await self._go_back()
        async for tp, message in super().getmany(timeout):
            if not self.app.topics.acks_enabled_for(message.topic) or self._follows(tp, message.offset):
                yield tp, message

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> RecordMap:  # noqa: ASYNC109
        records = await super()._getmany(active_partitions, timeout)
        for tp, found in records.items():
            if found:
                self._fetched[tp] = found[-1].offset + 1
        return records

    async def _go_back(self) -> None:
        for tp, end in self._fetched.items():
            expected = self._next.get(tp, end)
            if end > expected:
                log.info(
                    "going back", extra={"topic": tp.topic, "partition": tp.partition, "from": end, "to": expected}
                )
                self._sought[tp] = expected
                await self.seek(tp, expected)
        self._fetched.clear()

    def _follows(self, tp: TP, offset: int) -> bool:
        if self.app.rebalancing:  # the tables may not be restored yet
            return False
        expected = self._next.get(tp, offset)
        if offset > expected:
            if self._sought.get(tp) != expected:
                return False
            # asked for again, and still not there: they are gone from the topic
            gone = {"topic": tp.topic, "partition": tp.partition, "from": expected, "to": offset}
            log.warning("records are gone", extra=gone)
        self._next[tp] = offset + 1
        return True
