"""Acknowledgement of events, in order, once everything that was sent for them has reached Kafka.

Faust acknowledges an event when the loop asks for the next one, and only logs a failed send. Here an event is tracked
until Kafka has acknowledged everything that was sent for it. Events are acknowledged in the order of their offsets, so
that a committed offset never skips an unfinished event. A failed send ends the worker: its events are delivered again.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Iterable
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from faust.types import TP, EventT

MAX_UNACKED_BYTES: Final = 32 * 1024 * 1024
_OVERHEAD_BYTES: Final = 1024

PendingSend: TypeAlias = Awaitable[Any]
"""A send in flight: completes when Kafka has acknowledged it, raises the send's error if it failed."""


@dataclass(slots=True)
class UnackedEvent:
    """An event, its sends, and whether there are no more sends to come."""

    event: EventT[bytes]
    sends: list[PendingSend]
    complete: bool

    @property
    def size_bytes(self) -> int:
        """Approximate size in memory."""
        return len(self.event.message.value or b"") + _OVERHEAD_BYTES


class AckTracker:
    """The unacknowledged events of one agent, by partition in the order of their offsets."""

    def __init__(self, max_bytes: int = MAX_UNACKED_BYTES) -> None:
        """Start empty; `max_bytes` of unacknowledged events is the threshold for backpressure."""
        self._max_bytes = max_bytes
        self._unacked: defaultdict[TP, deque[UnackedEvent]] = defaultdict(deque)
        self._bytes = 0
        self.event_count = 0  # all events tracked so far
        self._generation = -1
        self._has_capacity = asyncio.Event()
        self._half_full = asyncio.Event()

    @property
    def half_full(self) -> bool:
        """Whether half of the capacity is used: time to flush."""
        return self._half_full.is_set()

    async def wait_for_capacity(self) -> None:
        """Wait until another event can be tracked."""
        while self._bytes >= self._max_bytes:
            self._has_capacity.clear()
            await self._has_capacity.wait()

    async def wait_until_half_full(self, timeout_s: float) -> None:
        """Wait until half of the capacity is used, at most `timeout_s`."""
        try:
            await asyncio.wait_for(self._half_full.wait(), timeout_s)
        except TimeoutError:
            return

    def track(self, event: EventT[bytes], sends: Iterable[PendingSend] = (), *, complete: bool = True) -> UnackedEvent:
        """Track an event until its sends are done; one that is not `complete` gets more sends later.

        An event from before the last rebalance is not tracked: its predecessors have been dropped, so acknowledging it
        would commit their offsets too.
        """
        self.event_count += 1
        unacked = UnackedEvent(event, list(sends), complete)
        generation = event.message.generation_id or 0
        self.drop_older_generations(generation)
        if generation == self._generation:
            self._unacked[event.message.tp].append(unacked)
            self._set_bytes(self._bytes + unacked.size_bytes)
        return unacked

    def drop_older_generations(self, generation: int) -> None:
        """Stop tracking events from before the last rebalance; Kafka delivers them again to their new worker."""
        if generation > self._generation:
            self._generation = generation
            self._unacked.clear()
            self._set_bytes(0)

    def unacked_counts(self) -> dict[TP, int]:
        """The number of tracked events, by partition."""
        return {tp: len(unacked) for tp, unacked in self._unacked.items()}

    async def acknowledge(self, counts: dict[TP, int], also: Iterable[PendingSend] = ()) -> None:
        """Wait for `also` and for the sends of the oldest events, and acknowledge these events.

        `counts` is the number of events by partition; a partition's first incomplete event ends it early.

        Raises:
            Exception: the error of a failed send.
        """
        for send in also:
            await send
        generation = self._generation
        for tp, count in counts.items():
            for _ in range(count):
                first = self._unacked[tp][0] if self._unacked.get(tp) else None
                if first is None or not first.complete:
                    break
                for send in first.sends:
                    await send
                if generation != self._generation:
                    return
                first.event.ack()
                self._unacked[tp].popleft()
                self._set_bytes(self._bytes - first.size_bytes)

    def _set_bytes(self, unacked_bytes: int) -> None:
        self._bytes = unacked_bytes
        if 2 * unacked_bytes >= self._max_bytes:
            self._half_full.set()
        else:
            self._half_full.clear()
        if unacked_bytes < self._max_bytes:
            self._has_capacity.set()
