"""What has been sent for a record and is not acknowledged yet; a record is done when all of it is.

Faust acknowledges a message when the loop asks for the next one, and only logs a send that failed. Here an event is
held until Kafka has everything that was made of it; then events are acknowledged in their order, so that an offset is
committed only behind a complete prefix. A send that failed ends the worker: its records are delivered again.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from faust.types import TP, EventT

MOST_HELD_BYTES: Final = 32 * 1024 * 1024
_OVERHEAD_BYTES: Final = 1024

Sent: TypeAlias = Awaitable[Any]
"""A send that has begun; done when Kafka has acknowledged it, failed as it failed."""


@dataclass(slots=True)
class UnackedEvent:
    """An event, what was sent for it, and whether that was all."""

    event: EventT[bytes]
    sends: list[Sent]
    complete: bool

    @property
    def size_bytes(self) -> int:
        """About what it takes in memory."""
        return len(self.event.message.value or b"") + _OVERHEAD_BYTES


class AckTracker:
    """The events of one agent that are not acknowledged yet, by partition in the order of their offsets."""

    def __init__(self, most_bytes: int = MOST_HELD_BYTES) -> None:
        """So much is held before `room` waits: a bound on the worker's memory."""
        self._most_bytes = most_bytes
        self._held: defaultdict[TP, deque[UnackedEvent]] = defaultdict(deque)
        self._bytes = 0
        self.taken = 0  # events so far
        self._generation = -1
        self._freed = asyncio.Event()
        self._crowded = asyncio.Event()

    @property
    def crowded(self) -> bool:
        """Whether half of the room is taken: time to settle."""
        return self._crowded.is_set()

    async def room(self) -> None:
        """Wait until another event may be held."""
        while self._bytes >= self._most_bytes:
            self._freed.clear()
            await self._freed.wait()

    async def until_crowded(self, longest_s: float) -> None:
        """Wait for half of the room to be taken, at most so long."""
        try:
            await asyncio.wait_for(self._crowded.wait(), longest_s)
        except TimeoutError:
            return

    def hold(self, event: EventT[bytes], sends: Iterable[Sent] = (), *, complete: bool = True) -> UnackedEvent:
        """Hold an event until its sends are done; one that is not `complete` will have more of them.

        An event from before the last rebalance is not acknowledged any more: those before it have been let go, and
        its offset alone says nothing of theirs.
        """
        self.taken += 1
        held = UnackedEvent(event, list(sends), complete)
        generation = event.message.generation_id or 0
        self.keep_generation(generation)
        if generation == self._generation:
            self._held[event.message.tp].append(held)
            self._counted(self._bytes + held.size_bytes)
        return held

    def keep_generation(self, generation: int) -> None:
        """Let go of events from before the last rebalance: whoever has their partitions now gets them again."""
        if generation > self._generation:
            self._generation = generation
            self._held.clear()
            self._counted(0)

    def mark(self) -> dict[TP, int]:
        """How many events are held by partition: where a settlement that begins now will end."""
        return {tp: len(held) for tp, held in self._held.items()}

    async def settle(self, until: dict[TP, int], also: Iterable[Sent] = ()) -> None:
        """Wait for `also` and for what was sent for the events up to `until`, then acknowledge the complete prefix.

        Raises:
            Exception: whatever a send failed with.
        """
        for send in also:
            await send
        generation = self._generation
        for tp, end in until.items():
            for _ in range(end):
                first = self._held[tp][0] if self._held.get(tp) else None
                if first is None or not first.complete:
                    break
                for send in first.sends:
                    await send
                if generation != self._generation:
                    return
                first.event.ack()
                self._held[tp].popleft()
                self._counted(self._bytes - first.size_bytes)

    def _counted(self, held_bytes: int) -> None:
        self._bytes = held_bytes
        if 2 * held_bytes >= self._most_bytes:
            self._crowded.set()
        else:
            self._crowded.clear()
        if held_bytes < self._most_bytes:
            self._freed.set()
