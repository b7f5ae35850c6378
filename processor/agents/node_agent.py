"""Node agent: reads `kubelet-stats`, sends the batch of each scrape and its partition's changed group totals.

What it sends depends only on the record and on the rows of lower offsets, so a redelivered record has the same result.
"""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from faust import Stream
from faust.types import EventT, StreamT

from processor import telemetry
from processor.agents.ack_tracker import AckTracker, PendingSend
from processor.agents.changelog_table import WindowTable
from processor.agents.output import Output, RejectedError
from processor.core.labels import LabelRules
from processor.state.assignment import Assignment, Position, Span
from processor.state.node_windows import Arrival, PartitionState
from processor.state.transition import Transition, failed_transition, transition
from runtime.duration import NS_PER_S
from schemas.codec import UndecodableError
from schemas.group_sum import SourceProgress
from schemas.node_sample import NodeSample, decode_sample, encode_sample
from schemas.node_scrape import NodeScrape, decode_scrape

log = logging.getLogger(__name__)

PROGRESS_EVERY_S: Final = 30.0


@dataclass(slots=True)
class _AssignedPartition:
    generation: int
    state: PartitionState


class NodeAgent:
    """The agent's loop over records, and the flush that makes its results durable."""

    def __init__(
        self, *, samples: WindowTable, output: Output, rules: LabelRules, span: Span, extended: bool = False
    ) -> None:
        """Create the agent; `extended` adds metrics that Heapster lacks."""
        self._samples = samples
        self._output = output
        self._rules = rules
        self._span = span
        self._extended = extended
        self._partitions: dict[int, _AssignedPartition] = {}
        self._reported: dict[int, tuple[SourceProgress, float]] = {}  # the last progress sent, and when
        self.acks = AckTracker()

    async def run(self, stream: StreamT[bytes]) -> None:
        """Process the records of the stream; called by Faust."""
        event: EventT[bytes]
        async for event in cast("Stream[bytes]", stream).noack().events():
            await self.acks.wait_for_capacity()
            self.acks.track(event, await self._process(event))

    async def flush(self, assignment: Assignment, now_s: float) -> None:
        """Send changed totals and progress, wait for all sends, acknowledge the events, and remove expired rows.

        Raises:
            Exception: the error of a failed send.
        """
        self._update_assignment(assignment)
        counts = self.acks.unacked_counts()
        sends: list[PendingSend] = []
        for partition, assigned in list(self._partitions.items()):
            sends += [await self._output.total(total) for total in assigned.state.changed_totals()]
            sends += await self._report_progress(partition, assigned.state, assignment.positions.get(partition), now_s)
        await self.acks.acknowledge(counts, sends)
        for partition, assigned in list(self._partitions.items()):
            position = assignment.positions.get(partition)
            if position is not None and position.committed_offset is not None:
                for node, window_end_ns in assigned.state.expire(position.committed_offset):
                    await self._samples.remove(partition, row_key(node, window_end_ns))

    def position(self, partition: int) -> int | None:
        """The next offset of a partition; None if it is not assigned here or the span ends before that offset."""
        assigned = self._partitions.get(partition)
        if assigned is None or self._span.ends_before(partition, assigned.state.position):
            return None
        return assigned.state.position

    def _update_assignment(self, assignment: Assignment) -> None:
        """Drop the state of revoked partitions and build that of new ones, also of those without any record."""
        self.acks.drop_older_generations(assignment.generation)
        for revoked in self._partitions.keys() - assignment.positions.keys():
            del self._partitions[revoked]
            self._reported.pop(revoked, None)
        for partition, position in assignment.positions.items():
            assigned = self._partitions.get(partition)
            if position.next_offset is not None and (assigned is None or assigned.generation != assignment.generation):
                self._rebuild(partition, assignment.generation, position.next_offset)

    async def _report_progress(
        self, partition: int, state: PartitionState, position: Position | None, now_s: float
    ) -> list[PendingSend]:
        """Send the partition's progress if its watermark or idleness has changed, else every `PROGRESS_EVERY_S`."""
        end = None if position is None else position.end_offset
        idle = (end is not None and state.position >= end) or self._span.ends_before(partition, state.position)
        progress = state.progress(idle=idle)
        last, last_s = self._reported.get(partition, (None, 0.0))
        changed = last is None or (last.watermark_ns, last.idle) != (progress.watermark_ns, progress.idle)
        if not changed and now_s - last_s < PROGRESS_EVERY_S:
            return []
        self._reported[partition] = (progress, now_s)
        return await self._output.progress(progress)

    async def _process(self, event: EventT[bytes]) -> list[PendingSend]:
        message = event.message
        if self._span.ends_before(message.partition, message.offset):
            return []
        state = self._state(event)
        telemetry.record_bytes.labels(message.topic).inc(len(event.value or b""))
        try:
            sends = await self._send(*self._compute(event, state), state)
        except RejectedError as error:
            telemetry.dead_letters.labels(error.kind).inc()
            telemetry.scrapes.labels("rejected").inc()
            sends = [await self._output.reject(event, str(error))]
        state.advance(message.offset)
        return sends

    def _compute(self, event: EventT[bytes], state: PartitionState) -> tuple[NodeScrape, Transition, bytes]:
        """The scrape, its transition and its row of `samples`. Raises RejectedError: the record cannot be processed."""
        message = event.message
        try:
            scrape = decode_scrape(event.value)
            with telemetry.processing.time():
                result = self._transition(scrape, message.offset, state)
            return scrape, result, b"" if result.sample is None else encode_sample(result.sample)
        except UndecodableError as error:
            raise RejectedError(str(error), "undecodable") from error
        except Exception as error:
            # a bug that one record triggers must not block the records behind it
            position = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
            log.exception("processing a record failed; it is sent to the dead-letter topic", extra=position)
            raise RejectedError(f"processing failed: {type(error).__name__}: {error}", "broke") from error

    async def _send(
        self, scrape: NodeScrape, result: Transition, row: bytes, state: PartitionState
    ) -> list[PendingSend]:
        telemetry.newest_window.set(scrape.window_end_ns / NS_PER_S)
        telemetry.scrapes.labels("failed" if scrape.document is None else result.arrival.value).inc()
        telemetry.count_problems(result.problems)
        sends: list[PendingSend] = []
        if result.batch is not None and self._span.includes(scrape.window_end_ns):
            telemetry.batches.labels("node").inc()
            sends.append(await self._output.batch(result.batch))
        if result.sample is not None:
            sends.append(await self._samples.put(state.partition, row_key(scrape.key, scrape.window_end_ns), row))
            state.fold(result.sample)
        return sends

    def _transition(self, scrape: NodeScrape, offset: int, state: PartitionState) -> Transition:
        if scrape.document is not None:
            read_sample = partial(self._read_sample, state.partition)
            return transition(scrape, offset, state, read_sample, self._rules, extended=self._extended)
        if self._extended:
            return failed_transition(scrape, offset, state, self._rules)
        return Transition(arrival=Arrival.NEW)

    def _read_sample(self, partition: int, node: str, window_end_ns: int) -> NodeSample:
        return decode_sample(self._samples.row(partition, row_key(node, window_end_ns)))

    def _state(self, event: EventT[bytes]) -> PartitionState:
        """The state before this event; rebuilt after a rebalance, and when the consumer has sought back."""
        message = event.message
        assigned = self._partitions.get(message.partition)
        if assigned and assigned.generation == message.generation_id and assigned.state.position <= message.offset:
            return assigned.state
        return self._rebuild(message.partition, message.generation_id or 0, message.offset)

    def _rebuild(self, partition: int, generation: int, position: int) -> PartitionState:
        samples = (decode_sample(row) for row in self._samples.rows(partition))
        state = PartitionState.rebuilt(partition, samples, position)
        self._partitions[partition] = _AssignedPartition(generation, state)
        return state


def row_key(node: str, window_end_ns: int) -> bytes:
    """The key of a row of `samples`."""
    return f"{window_end_ns}/{node}".encode()


def sample_offset(row: bytes) -> int:
    """The source offset of a row of `samples`."""
    return decode_sample(row).offset
