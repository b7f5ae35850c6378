"""Group agent: reads `group-sums` and sends the batch of each group and window, again whenever its totals change."""

import logging
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import cast

from faust import Stream
from faust.types import EventT, StreamT

from processor import telemetry
from processor.agents.ack_tracker import AckTracker, PendingSend, UnackedEvent
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
class _AssignedPartition:
    generation: int
    windows: GroupWindows
    position: int | None = None  # the next offset; None if nothing has been read yet
    waiting: defaultdict[GroupWindow, list[UnackedEvent]] = field(default_factory=lambda: defaultdict(list))
    restored: set[GroupWindow] = field(default_factory=set)  # restored from the table and not yet written here


class GroupAgent:
    """The agent's loop over records, and the flush that sends the batches that are due."""

    def __init__(
        self,
        *,
        groups: WindowTable,
        output: Output,
        source_partitions: int,
        span: Span,
        session_timeout_s: float,
        clock_s: Callable[[], float],
    ) -> None:
        """Create the agent; `source_partitions` is the number of partitions of `kubelet-stats`."""
        self._groups = groups
        self._output = output
        self._source_partitions = source_partitions
        self._span = span
        self._session_timeout_s = session_timeout_s
        self._clock_s = clock_s
        self._partitions: dict[int, _AssignedPartition] = {}
        self._flushed_s: float | None = None
        self._no_batches_before_s = -inf
        self.acks = AckTracker()

    async def run(self, stream: StreamT[bytes]) -> None:
        """Process the records of the stream; called by Faust."""
        event: EventT[bytes]
        async for event in cast("Stream[bytes]", stream).noack().events():
            await self.acks.wait_for_capacity()
            await self._process(event)

    async def flush(self, assignment: Assignment) -> None:
        """Send the batches that are due, wait for all sends, acknowledge the events, and remove expired rows.

        Raises:
            Exception: the error of a failed send.
        """
        now_s = self._clock_s()
        if self._flushed_s is not None and now_s - self._flushed_s > self._session_timeout_s:
            # the groups may have been reassigned meanwhile: send nothing until a rebalance would have been noticed
            self._no_batches_before_s = now_s + self._session_timeout_s
        self._flushed_s = now_s
        self._update_assignment(assignment)
        counts = self.acks.unacked_counts()
        sends: list[PendingSend] = []
        if now_s >= self._no_batches_before_s:
            for partition, assigned in list(self._partitions.items()):
                for window in assigned.windows.due(now_s, force=self.acks.half_full):
                    sends += await self._write(window, partition, assigned)
        await self.acks.acknowledge(counts, sends)
        for partition, assigned in list(self._partitions.items()):
            position = assignment.positions.get(partition)  # None: assigned during the wait above
            for total in assigned.windows.expire((position and position.committed_offset) or 0):
                await self._groups.remove(partition, row_key(total))
        telemetry.pending_batches.set(self.pending)

    def position(self, partition: int) -> int | None:
        """The next offset of a partition; None if it is not assigned to this worker."""
        assigned = self._partitions.get(partition)
        return None if assigned is None else assigned.position

    @property
    def pending(self) -> int:
        """The number of batches still to be written."""
        return sum(assigned.windows.pending for assigned in self._partitions.values())

    def _update_assignment(self, assignment: Assignment) -> None:
        self.acks.drop_older_generations(assignment.generation)
        for revoked in self._partitions.keys() - assignment.positions.keys():
            del self._partitions[revoked]
        for partition, position in assignment.positions.items():
            assigned = self._assigned(partition, assignment.generation)
            if assigned.position is None:
                assigned.position = position.next_offset

    async def _process(self, event: EventT[bytes]) -> None:
        message = event.message
        assigned = self._assigned(message.partition, message.generation_id or 0)
        assigned.position, windows = message.offset + 1, assigned.windows
        telemetry.record_bytes.labels(message.topic).inc(len(event.value or b""))
        try:
            record = decode_group_record(event.value)
        except UndecodableError as error:
            telemetry.totals.labels("rejected").inc()
            telemetry.dead_letters.labels("undecodable").inc()
            self.acks.track(event, [await self._output.reject(event, str(error))])
            return
        if isinstance(record, SourceProgress):
            windows.add_progress(record, message.offset)
            self.acks.track(event)
            return
        outcome = "late" if windows.is_expired(record) else "new" if windows.is_newer(record) else "stale"
        telemetry.totals.labels(outcome).inc()
        sends: list[PendingSend] = []
        if outcome == "new":
            sends.append(await self._groups.put(message.partition, row_key(record), encode_group_sum(record)))
            windows.fold(record, self._clock_s())
        window = group_window(record)
        # a stale total may wait too: redelivered after a crash, it is in the table but its batch may not be written
        waits = windows.is_pending(window)
        unacked = self.acks.track(event, sends, complete=not waits)
        if waits:
            assigned.waiting[window].append(unacked)

    async def _write(self, window: GroupWindow, partition: int, assigned: _AssignedPartition) -> list[PendingSend]:
        sends: list[PendingSend] = []
        totals = assigned.windows.totals(window)
        if window in assigned.restored:
            # log compaction keeps the last value, which may be one that a worker considered dead wrote late
            sends += [await self._groups.put(partition, row_key(total), encode_group_sum(total)) for total in totals]
            assigned.restored.discard(window)
        if self._span.includes(window.window_end_ns):
            telemetry.batches.labels("group").inc()
            sends.append(await self._output.batch(group_batch(totals)))
        for unacked in assigned.waiting.pop(window, ()):
            unacked.sends += sends
            unacked.complete = True
        return sends

    def _assigned(self, partition: int, generation: int) -> _AssignedPartition:
        """The partition's state; rebuilt from the table in each generation of the consumer group."""
        assigned = self._partitions.get(partition)
        if assigned is not None and assigned.generation == generation:
            return assigned
        windows = GroupWindows(self._source_partitions)
        totals = [decode_group_sum(row) for row in self._groups.rows(partition)]
        windows.restore(totals, write_again_at_s=self._clock_s() + self._session_timeout_s)
        assigned = _AssignedPartition(generation, windows, restored={group_window(total) for total in totals})
        self._partitions[partition] = assigned
        return assigned


def row_key(total: GroupSum) -> bytes:
    """The key of a row of `groups`."""
    return f"{total.window_end_ns}/{total.source_partition}/{total.key}".encode()


def total_offset(row: bytes) -> int:
    """The source offset of a row of `groups`."""
    return decode_group_sum(row).source_offset
