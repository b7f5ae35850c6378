"""From `group-sums`: each group's batch of each window, written again when a total behind it changes."""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import cast

from faust import Stream
from faust.types import EventT, StreamT

from processor import telemetry
from processor.agents.ack_tracker import AckTracker, Sent, UnackedEvent
from processor.agents.changelog_table import WindowTable
from processor.agents.output import Output
from processor.state.assignment import Assignment, Span
from processor.state.group_batch import group_batch
from processor.state.group_windows import GroupWindows, group_window
from processor.state.node_windows import GroupWindow
from schemas.codec import UndecodableError
from schemas.group_sum import GroupSum, SourceProgress, decode_group_record, decode_group_sum, encode_group_sum

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Assigned:
    generation: int
    windows: GroupWindows
    position: int | None = None  # the next offset; None: nothing read yet
    waiting: defaultdict[GroupWindow, list[UnackedEvent]] = field(default_factory=lambda: defaultdict(list))
    restored: set[GroupWindow] = field(default_factory=set)  # whose batch has not been written here yet


class GroupAgent:
    """The agent's loop, and the flush that writes batches which are due."""

    def __init__(
        self,
        *,
        groups: WindowTable,
        output: Output,
        sources: int,
        span: Span,
        session_s: float,
        clock_s: Callable[[], float],
    ) -> None:
        """`groups` is partitioned as `group-sums`; `sources` is the number of partitions of `kubelet-stats`."""
        self._groups = groups
        self._output = output
        self._sources = sources
        self._span = span
        self._session_s = session_s
        self._clock_s = clock_s
        self._partitions: dict[int, _Assigned] = {}
        self._flushed_s: float | None = None
        self._silent_until_s = -inf
        self.deliveries = AckTracker()

    async def run(self, stream: StreamT[bytes]) -> None:
        """Take in records; Faust calls it."""
        event: EventT[bytes]
        async for event in cast("Stream[bytes]", stream).noack().events():
            await self.deliveries.room()
            await self._record(event)

    async def flush(self, assignment: Assignment) -> None:
        """Write the batches that are due, wait for everything sent so far and acknowledge it; forget old windows.

        Raises:
            Exception: whatever a send failed with.
        """
        now_s = self._clock_s()
        if self._flushed_s is not None and now_s - self._flushed_s > self._session_s:
            # another worker may have these groups by now: if not, their turn comes again
            self._silent_until_s = now_s + self._session_s
        self._flushed_s = now_s
        self._assign(assignment)
        until = self.deliveries.mark()
        sends: list[Sent] = []
        if now_s >= self._silent_until_s:
            for partition, assigned in list(self._partitions.items()):
                for slot in assigned.windows.due(now_s, everything=self.deliveries.crowded):
                    sends += await self._write(slot, partition, assigned)
        await self.deliveries.settle(until, sends)
        for partition, assigned in list(self._partitions.items()):
            position = assignment.positions.get(partition)  # None: it came while this waited
            for total in assigned.windows.expire((position and position.committed_offset) or 0):
                await self._groups.remove(partition, row_key(total))
        telemetry.held_windows.set(self.pending)

    def position(self, partition: int) -> int | None:
        """The next offset of a partition, None if it is not this worker's."""
        assigned = self._partitions.get(partition)
        return None if assigned is None else assigned.position

    @property
    def pending(self) -> int:
        """How many batches are still to be written."""
        return sum(assigned.windows.pending for assigned in self._partitions.values())

    def _assign(self, assignment: Assignment) -> None:
        self.deliveries.keep_generation(assignment.generation)
        for gone in self._partitions.keys() - assignment.positions.keys():
            del self._partitions[gone]
        for partition, position in assignment.positions.items():
            assigned = self._assigned(partition, assignment.generation)
            if assigned.position is None:
                assigned.position = position.next_offset

    async def _record(self, event: EventT[bytes]) -> None:
        message = event.message
        assigned = self._assigned(message.partition, message.generation_id or 0)
        assigned.position, windows = message.offset + 1, assigned.windows
        telemetry.record_bytes.labels(message.topic).inc(len(event.value or b""))
        try:
            record = decode_group_record(event.value)
        except UndecodableError as error:
            telemetry.totals.labels("rejected").inc()
            telemetry.dead_letters.labels("undecodable").inc()
            self.deliveries.hold(event, [await self._output.reject(event, str(error))])
            return
        if isinstance(record, SourceProgress):
            windows.progressed(record, message.offset)
            self.deliveries.hold(event)
            return
        outcome = "late" if windows.expired(record) else "new" if windows.newer(record) else "stale"
        telemetry.totals.labels(outcome).inc()
        sends: list[Sent] = []
        if outcome == "new":
            sends.append(await self._groups.put(message.partition, row_key(record), encode_group_sum(record)))
            windows.fold(record, self._clock_s())
        slot = group_window(record)
        # delivered again after a crash, a total is in the table but its batch may not have been written
        waits = windows.is_pending(slot)
        held = self.deliveries.hold(event, sends, complete=not waits)
        if waits:
            assigned.waiting[slot].append(held)

    async def _write(self, slot: GroupWindow, partition: int, assigned: _Assigned) -> list[Sent]:
        sends: list[Sent] = []
        totals = assigned.windows.totals(slot)
        if slot in assigned.restored:
            # compaction keeps what was written last: that must not be what a worker thought dead still had to say
            sends += [await self._groups.put(partition, row_key(total), encode_group_sum(total)) for total in totals]
            assigned.restored.discard(slot)
        if self._span.writes(slot[2]):
            telemetry.batches.labels("group").inc()
            sends.append(await self._output.batch(group_batch(totals)))
        for each in assigned.waiting.pop(slot, ()):
            each.sends += sends
            each.complete = True
        return sends

    def _assigned(self, partition: int, generation: int) -> _Assigned:
        """The partition's state; built again from the table in each generation of the consumer group."""
        assigned = self._partitions.get(partition)
        if assigned is not None and assigned.generation == generation:
            return assigned
        windows = GroupWindows(self._sources)
        totals = [decode_group_sum(row) for row in self._groups.rows(partition)]
        windows.restore(totals, write_again_at_s=self._clock_s() + self._session_s)
        assigned = _Assigned(generation, windows, restored={group_window(total) for total in totals})
        self._partitions[partition] = assigned
        return assigned


def row_key(total: GroupSum) -> bytes:
    """Key of a row of `groups`."""
    return f"{total.window_end_ns}/{total.source_partition}/{total.key}".encode()


def total_offset(row: bytes) -> int:
    """The offset that a row of `groups` reflects."""
    return decode_group_sum(row).source_offset
