"""A consumer that delivers every record of a partition in order, also around a rebalance.

After a rebalance Faust seeks to the committed offsets. Records that were fetched before the seek may still come out
behind it: Faust takes them for a gap in the topic, counts what lies between as done, and drops it when it comes. Others
it drops in the middle of a fetch, and reads on behind them.
"""

import logging
from collections.abc import AsyncIterator
from typing import Any, Final

from aiokafka.errors import IllegalStateError
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP
from faust.types.tuples import Message

log = logging.getLogger(__name__)

_GONE_AFTER: Final = 3
"""So often a record is asked for before it counts as gone from the topic."""


class OrderedConsumer(Consumer):
    """Knows which record comes next in each partition, and goes back for it where the reader is past it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Faust's own parameters
        """As Faust makes its consumers."""
        super().__init__(*args, **kwargs)
        self._began: dict[TP, int] = {}  # offsets
        self._next: dict[TP, int] = {}
        self._sought: dict[TP, tuple[int, int]] = {}  # where it went back to last, and how often

    def began_at(self, tp: TP) -> int | None:
        """The offset at which reading began after the last rebalance, None before that."""
        return self._began.get(tp)

    async def perform_seek(self) -> None:
        """Seek to the committed offsets, to the beginning where none is, and go on from there only."""
        await super().perform_seek()
        sources = [tp for tp in self.assignment() if self.app.topics.acks_enabled_for(tp.topic)]
        uncommitted = [tp for tp in sources if self._committed_offset[tp] is None]
        earliest = await self.earliest_offsets(*uncommitted) if uncommitted else {}
        for tp in uncommitted:  # Faust leaves these wherever they had been read to
            await self.seek(tp, earliest.get(tp) or 0)
        self._began = {tp: self._committed_offset[tp] or earliest.get(tp) or 0 for tp in sources}
        self._next = dict(self._began)
        self._sought.clear()

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Message]]:  # noqa: ASYNC109 - Faust's
        """The records that come next; what an earlier fetch dropped is fetched again first."""
        if not self.app.rebalancing:
            await self._go_back()
        async for tp, message in super().getmany(timeout):
            if not self.app.topics.acks_enabled_for(message.topic) or self._follows(tp, message.offset):
                yield tp, message

    async def _go_back(self) -> None:
        """Seek to the next record wherever the reader is past it.

        Its own positions tell, and nothing that is noted down here: a fetch may end after the seek that was to undo
        it, and its records may never come to us.
        """
        for tp, position in (await self._positions()).items():
            expected = self._next.get(tp, position)
            times = self._times_sought(tp, expected)
            if position > expected and times < _GONE_AFTER:
                where = {"topic": tp.topic, "partition": tp.partition, "from": position, "to": expected}
                log.info("going back", extra=where)
                self._sought[tp] = (expected, times + 1)
                await self.seek(tp, expected)

    def _times_sought(self, tp: TP, expected: int) -> int:
        offset, times = self._sought.get(tp, (expected, 0))
        return times if offset == expected else 0

    async def _positions(self) -> dict[TP, int]:
        """The offset that each source partition is fetched from next."""

        async def read() -> dict[TP, int]:
            consumer: Any = self._thread._ensure_consumer()  # noqa: SLF001 - Faust cannot be asked for all at once
            assigned = consumer.assignment()
            return {tp: await consumer.position(tp) for tp in self._next if tp in assigned}

        try:
            found: dict[TP, int] = await self._thread.call_thread(read)
        except IllegalStateError:  # they are another worker's now
            return {}
        return found

    def _follows(self, tp: TP, offset: int) -> bool:
        if self.app.rebalancing:  # the tables may not be restored yet
            return False
        expected = self._next.get(tp, offset)
        if offset > expected:
            if self._times_sought(tp, expected) < _GONE_AFTER:
                return False
            gone = {"topic": tp.topic, "partition": tp.partition, "from": expected, "to": offset}
            log.warning("records are gone", extra=gone)
        self._next[tp] = offset + 1
        return True
