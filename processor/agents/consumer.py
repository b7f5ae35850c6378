"""A consumer that delivers every record of a partition in order, also around a rebalance.

After a rebalance Faust seeks to the committed offsets, but may still deliver records that were fetched before the seek.
It takes the offsets in between for a gap in the topic, marks them as done, and drops their records when they arrive.
Faust also drops records in the middle of a fetch and continues after them.
"""

import logging
from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka.errors import IllegalStateError
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP
from faust.types.tuples import Message

log = logging.getLogger(__name__)

_MAX_SEEKS: Final = 3
"""Attempts to read a record before it counts as deleted from the topic."""


class OrderedConsumer(Consumer):
    """Tracks the next offset of each partition, and seeks back to it if the consumer has passed it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's own parameters
        """Create the consumer with Faust's parameters."""
        super().__init__(*args, **kwargs)
        self._start_offsets: dict[TP, int] = {}
        self._next_offsets: dict[TP, int] = {}
        self._seeks: dict[TP, tuple[int, int]] = {}  # offset of the last seek back, and the number of seeks to it

    def start_offset(self, tp: TP) -> int | None:
        """The offset at which reading started after the last rebalance; None before the first one is complete."""
        return self._start_offsets.get(tp)

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, or to the beginning of partitions without one, and expect those records."""
        await super().perform_seek()
        sources = [tp for tp in self.assignment() if self.app.topics.acks_enabled_for(tp.topic)]
        uncommitted = [tp for tp in sources if self._committed_offset[tp] is None]
        earliest = await self.earliest_offsets(*uncommitted) if uncommitted else {}
        for tp in uncommitted:  # Faust does not seek in these
            await self.seek(tp, earliest.get(tp) or 0)
        self._start_offsets = {tp: self._committed_offset[tp] or earliest.get(tp) or 0 for tp in sources}
        self._next_offsets = dict(self._start_offsets)
        self._seeks.clear()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - Faust's
        """The next records in order; first seeks back to records that an earlier fetch dropped."""
        if not self.app.rebalancing:
            await self._seek_back()
        async for tp, message in super().getmany(timeout):
            if not self.app.topics.acks_enabled_for(message.topic) or self._is_next(tp, message.offset):
                yield tp, message

    async def _seek_back(self) -> None:
        """Seek to the next offset of each partition whose position is past it.

        Asks the client for its positions, because they can change unnoticed: a fetch may complete after the seek that
        was to undo it, and its records may never be delivered.
        """
        for tp, position in (await self._positions()).items():
            expected = self._next_offsets.get(tp, position)
            attempts = self._attempts(tp, expected)
            if position > expected and attempts < _MAX_SEEKS:
                where = {"topic": tp.topic, "partition": tp.partition, "from": position, "to": expected}
                log.info("seeking back to records that were not delivered", extra=where)
                self._seeks[tp] = (expected, attempts + 1)
                await self.seek(tp, expected)

    def _attempts(self, tp: TP, expected: int) -> int:
        offset, attempts = self._seeks.get(tp, (expected, 0))
        return attempts if offset == expected else 0

    async def _positions(self) -> dict[TP, int]:
        """The offset that is fetched next from each source partition."""

        async def read() -> dict[TP, int]:
            consumer: Any = self._thread._ensure_consumer()  # noqa: SLF001 - Faust has no call for all positions
            assigned = consumer.assignment()
            return {tp: await consumer.position(tp) for tp in self._next_offsets if tp in assigned}

        try:
            positions: dict[TP, int] = await self._thread.call_thread(read)
        except IllegalStateError:  # a partition has been reassigned to another worker meanwhile
            return {}
        return positions

    def _is_next(self, tp: TP, offset: int) -> bool:
        if self.app.rebalancing:  # the tables may not be restored yet
            return False
        expected = self._next_offsets.get(tp, offset)
        if offset > expected:
            if self._attempts(tp, expected) < _MAX_SEEKS:
                return False
            missing = {"topic": tp.topic, "partition": tp.partition, "from": expected, "to": offset}
            log.warning("records are missing from the topic, continuing after them", extra=missing)
        self._next_offsets[tp] = offset + 1
        return True
