"""From `kubelet-stats`, record by record: the metric sets of one node, and its partition's group totals.

Whatever is sent is a function of the record and of what lower offsets left in the table, so a redelivered record
yields the same again.
"""

import logging
from dataclasses import dataclass
from functools import partial
from typing import Final, cast

from faust import Stream
from faust.types import EventT, StreamT

from processor import telemetry
from processor.agents.ack_tracker import AckTracker, Sent
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
class _Assigned:
    generation: int
    state: PartitionState


class NodeAgent:
    """The agent's loop, and the flush that makes its results durable."""

    def __init__(
        self, *, samples: WindowTable, output: Output, rules: LabelRules, span: Span, extended: bool = False
    ) -> None:
        """`samples` is partitioned as `kubelet-stats`; `extended`: more than Heapster had."""
        self._samples = samples
        self._output = output
        self._rules = rules
        self._span = span
        self._extended = extended
        self._partitions: dict[int, _Assigned] = {}
        self._told: dict[int, tuple[SourceProgress, float]] = {}
        self.deliveries = AckTracker()

    async def run(self, stream: StreamT[bytes]) -> None:
        """Take in records; Faust calls it."""
        event: EventT[bytes]
        async for event in cast("Stream[bytes]", stream).noack().events():
            await self.deliveries.room()
            self.deliveries.hold(event, await self._record(event))

    async def flush(self, assignment: Assignment, now_s: float) -> None:
        """Send the totals that changed, wait for everything sent so far and acknowledge it; forget windows gone by.

        Raises:
            Exception: whatever a send failed with.
        """
        self._assign(assignment)
        until = self.deliveries.mark()
        sends: list[Sent] = []
        for partition, assigned in list(self._partitions.items()):
            sends += [await self._output.total(total) for total in assigned.state.changed_totals()]
            sends += await self._progress(partition, assigned.state, assignment.positions.get(partition), now_s)
        await self.deliveries.settle(until, sends)
        for partition, assigned in list(self._partitions.items()):
            position = assignment.positions.get(partition)
            if position is not None and position.committed_offset is not None:
                for node, window_end_ns in assigned.state.expire(position.committed_offset):
                    await self._samples.remove(partition, row_key(node, window_end_ns))

    def position(self, partition: int) -> int | None:
        """The next offset of a partition, None if it is not this worker's or there is nothing more to do."""
        assigned = self._partitions.get(partition)
        if assigned is None or self._span.ends_before(partition, assigned.state.position):
            return None
        return assigned.state.position

    def _assign(self, assignment: Assignment) -> None:
        """Let go of what another worker has now; take over what is new, even where no record comes."""
        self.deliveries.keep_generation(assignment.generation)
        for gone in self._partitions.keys() - assignment.positions.keys():
            del self._partitions[gone]
            self._told.pop(gone, None)
        for partition, position in assignment.positions.items():
            assigned = self._partitions.get(partition)
            if position.next_offset is not None and (assigned is None or assigned.generation != assignment.generation):
                self._rebuild(partition, assignment.generation, position.next_offset)

    async def _progress(
        self, partition: int, state: PartitionState, position: Position | None, now_s: float
    ) -> list[Sent]:
        """Tell how far the partition is: when another window is over, or it is idle or no longer, and now and then."""
        end = None if position is None else position.end_offset
        idle = (end is not None and state.position >= end) or self._span.ends_before(partition, state.position)
        progress = state.progress(idle=idle)
        told, told_s = self._told.get(partition, (None, 0.0))
        news = told is None or (told.watermark_ns, told.idle) != (progress.watermark_ns, progress.idle)
        if not news and now_s - told_s < PROGRESS_EVERY_S:
            return []
        self._told[partition] = (progress, now_s)
        return await self._output.progress(progress)

    async def _record(self, event: EventT[bytes]) -> list[Sent]:
        message = event.message
        if self._span.ends_before(message.partition, message.offset):
            return []
        state = self._state(event)
        telemetry.record_bytes.labels(message.topic).inc(len(event.value or b""))
        try:
            sends = await self._send(*self._made(event, state), state)
        except RejectedError as error:
            telemetry.dead_letters.labels(error.kind).inc()
            telemetry.scrapes.labels("rejected").inc()
            sends = [await self._output.reject(event, str(error))]
        state.advance(message.offset)
        return sends

    def _made(self, event: EventT[bytes], state: PartitionState) -> tuple[NodeScrape, Transition, bytes]:
        """The scrape, what it leads to, and its row of `samples`. Raises RejectedError: nothing can be made of it."""
        message = event.message
        try:
            scrape = decode_scrape(event.value)
            with telemetry.processing.time():
                result = self._step(scrape, message.offset, state)
            return scrape, result, b"" if result.sample is None else encode_sample(result.sample)
        except UndecodableError as error:
            raise RejectedError(str(error), "undecodable") from error
        except Exception as error:
            # a record that breaks the core must not stop the ones behind it
            position = {"topic": message.topic, "partition": message.partition, "offset": message.offset}
            log.exception("a record broke the processing, it goes to the dead letters", extra=position)
            raise RejectedError(f"processing failed: {type(error).__name__}: {error}", "broke") from error

    async def _send(self, scrape: NodeScrape, result: Transition, row: bytes, state: PartitionState) -> list[Sent]:
        telemetry.newest_window.set(scrape.window_end_ns / NS_PER_S)
        telemetry.scrapes.labels("failed" if scrape.document is None else result.arrival.value).inc()
        telemetry.count_problems(result.problems)
        sends: list[Sent] = []
        if result.batch is not None and self._span.writes(scrape.window_end_ns):
            telemetry.batches.labels("node").inc()
            sends.append(await self._output.batch(result.batch))
        if result.sample is not None:
            sends.append(await self._samples.put(state.partition, row_key(scrape.key, scrape.window_end_ns), row))
            state.fold(result.sample)
        return sends

    def _step(self, scrape: NodeScrape, offset: int, state: PartitionState) -> Transition:
        if scrape.document is not None:
            kept = partial(self._kept, state.partition)
            return transition(scrape, offset, state, kept, self._rules, extended=self._extended)
        if self._extended:
            return failed_transition(scrape, offset, state, self._rules)
        return Transition(arrival=Arrival.NEW)

    def _kept(self, partition: int, node: str, window_end_ns: int) -> NodeSample:
        return decode_sample(self._samples.row(partition, row_key(node, window_end_ns)))

    def _state(self, event: EventT[bytes]) -> PartitionState:
        """The state before this event: built again after a rebalance, or when the reader went back."""
        message = event.message
        assigned = self._partitions.get(message.partition)
        if assigned and assigned.generation == message.generation_id and assigned.state.position <= message.offset:
            return assigned.state
        return self._rebuild(message.partition, message.generation_id or 0, message.offset)

    def _rebuild(self, partition: int, generation: int, position: int) -> PartitionState:
        kept = (decode_sample(row) for row in self._samples.rows(partition))
        state = PartitionState.rebuilt(partition, kept, position)
        self._partitions[partition] = _Assigned(generation, state)
        return state


def row_key(node: str, window_end_ns: int) -> bytes:
    """Key of a row of `samples`."""
    return f"{window_end_ns}/{node}".encode()


def sample_offset(row: bytes) -> int:
    """The offset that a row of `samples` reflects."""
    return decode_sample(row).offset
