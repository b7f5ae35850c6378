"""Both agents with a table in memory and a fake output: what they send, acknowledge and drop."""

from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from faust.types import TP

from processor.agents.ack_tracker import AckTracker
from processor.agents.group_agent import GroupAgent, total_offset
from processor.agents.node_agent import NodeAgent, sample_offset
from processor.agents.output import RejectedError
from processor.core.labels import LabelRules
from processor.state.assignment import Assignment, Position, Span
from processor.state.group_windows import QUIET_S
from schemas.group_sum import NO_SUMS, GroupSum, encode_group_sum
from schemas.metric_batch import MetricBatch
from schemas.node_scrape import NodeScrape, encode_scrape
from tests.scrapes import MINUTE_NS, summary_scrape
from tests.unit.processor.agents.memory_table import MemoryTable, done

SCRAPE = summary_scrape({"node": {"nodeName": "n1"}})
SESSION_TIMEOUT_S = 10.0


class Message:
    def __init__(self, value: bytes, offset: int, generation: int) -> None:
        self.tp = TP("topic", 0)
        self.topic, self.partition, self.offset, self.generation_id = "topic", 0, offset, generation
        self.key, self.value, self.timestamp = b"key", value, 0.0


class Event:
    def __init__(self, value: bytes, offset: int, generation: int = 1) -> None:
        self.message, self.value, self.acknowledged = Message(value, offset, generation), value, False

    def ack(self) -> None:
        self.acknowledged = True


class Stream:
    def __init__(self, events: list[Event]) -> None:
        self._events = events

    def noack(self) -> "Stream":
        return self

    async def events(self) -> AsyncIterator[Event]:
        for event in self._events:
            yield event


class FakeOutput:
    """Records the batches and the reasons of rejections; `batch_error` is raised by `batch`."""

    def __init__(self, batch_error: Exception | None = None) -> None:
        self.batches: list[MetricBatch] = []
        self.rejected: list[str] = []
        self._batch_error = batch_error

    async def batch(self, batch: MetricBatch) -> Awaitable[None]:
        if self._batch_error is not None:
            raise self._batch_error
        self.batches.append(batch)
        return done()

    async def total(self, _total: GroupSum) -> Awaitable[None]:
        return done()

    async def progress(self, _progress: object) -> list[Awaitable[None]]:
        return []

    async def reject(self, _event: object, reason: str) -> Awaitable[None]:
        self.rejected.append(reason)
        return done()


def node_agent(output: FakeOutput, rules: LabelRules | None = None) -> NodeAgent:
    samples: Any = MemoryTable(sample_offset)
    return NodeAgent(samples=samples, output=output, rules=rules or LabelRules(), span=Span())


def scrapes(*values: bytes | NodeScrape) -> Any:
    return Stream(
        [
            Event(value if isinstance(value, bytes) else encode_scrape(value), offset)
            for offset, value in enumerate(values)
        ]
    )


class BrokenRules(LabelRules):
    """A bug in the core that only one node triggers."""

    def entity_labels(self, object_labels: Mapping[str, str]) -> dict[str, str]:
        if "breaks" in object_labels:
            raise ZeroDivisionError("a bug")
        return super().entity_labels(object_labels)


async def test_a_record_that_triggers_a_bug_is_rejected_and_the_next_is_processed() -> None:
    output = FakeOutput()
    agent = node_agent(output, BrokenRules())
    await agent.run(scrapes(replace(SCRAPE, labels={"breaks": "it"}), replace(SCRAPE, node="n2")))
    assert output.rejected == ["processing failed: ZeroDivisionError: a bug"]
    assert [batch.entity for batch in output.batches] == ["n2"]


async def test_a_record_whose_batch_cannot_be_sent_is_rejected_and_the_position_advances() -> None:
    output = FakeOutput(batch_error=RejectedError("its batch cannot be sent: too large", "unsendable"))
    agent = node_agent(output)
    await agent.run(scrapes(SCRAPE))
    assert output.rejected == ["its batch cannot be sent: too large"]
    assert agent.position(0) == 1


async def test_a_record_is_not_rejected_when_kafka_is_unavailable() -> None:
    output = FakeOutput(batch_error=ConnectionError("Kafka is away"))
    with pytest.raises(ConnectionError):
        await node_agent(output).run(scrapes(SCRAPE))
    assert output.rejected == []


def total(window: int = 1, *, source: int = 0, offset: int = 5, nodes: int = 1) -> GroupSum:
    return GroupSum(
        cluster="c",
        group="cluster",
        window_end_ns=window * MINUTE_NS,
        resolution_ns=MINUTE_NS,
        source_partition=source,
        source_offset=offset,
        sums=NO_SUMS,
        nodes=nodes,
        nodes_expected=2,
    )


class Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


class Groups:
    """A group agent with its table, output and clock."""

    def __init__(self) -> None:
        self.table, self.output, self.clock = MemoryTable(total_offset), FakeOutput(), Clock()
        table: Any = self.table
        self.agent = GroupAgent(
            groups=table,
            output=self.output,
            source_partitions=2,
            span=Span(),
            session_timeout_s=SESSION_TIMEOUT_S,
            clock_s=self.clock,
        )

    async def process(self, *events: Event) -> None:
        stream: Any = Stream(list(events))
        await self.agent.run(stream)

    async def flush(self, at_s: float, generation: int = 1) -> int:
        """Flush at this time; returns the number of batches written so far."""
        self.clock.now_s = at_s
        position = Position(next_offset=0, end_offset=9, committed_offset=0)
        await self.agent.flush(Assignment(generation, {0: position}))
        return len(self.output.batches)


async def test_a_total_is_acknowledged_when_its_groups_batch_is_written() -> None:
    groups, event = Groups(), Event(encode_group_sum(total()), 0)
    await groups.process(event)
    await groups.flush(1.0)
    before = event.acknowledged
    await groups.flush(QUIET_S)
    assert [before, event.acknowledged] == [False, True]


async def test_when_half_full_batches_are_written_before_they_are_quiet() -> None:
    groups, event = Groups(), Event(encode_group_sum(total()), 0)
    groups.agent.acks = AckTracker(max_bytes=2 * len(event.value))
    await groups.process(event)
    assert groups.agent.acks.half_full
    assert (await groups.flush(0.1), event.acknowledged) == (1, True)


async def test_a_worker_suspended_for_a_session_timeout_writes_no_batch_for_another_one() -> None:
    groups = Groups()
    await groups.flush(0.0)
    await groups.process(Event(encode_group_sum(total()), 0))
    assert [await groups.flush(at_s) for at_s in (30.0, 35.0, 39.0, 40.0 + QUIET_S)] == [0, 0, 0, 1]


@pytest.mark.parametrize("half_full", [False, True])
async def test_a_suspended_worker_does_not_write_a_complete_group_either(*, half_full: bool) -> None:
    groups, event = Groups(), Event(encode_group_sum(total(nodes=2)), 0)
    if half_full:
        groups.agent.acks = AckTracker(max_bytes=2 * len(event.value))
    await groups.flush(0.0)
    await groups.flush(30.0)
    groups.clock.now_s = 30.1
    await groups.process(event)
    assert groups.agent.acks.half_full is half_full
    assert [await groups.flush(at_s) for at_s in (30.5, 39.9, 40.0)] == [0, 0, 1]


async def test_a_group_completed_after_a_takeover_is_written_one_session_timeout_after_it() -> None:
    groups = Groups()
    await groups.process(Event(encode_group_sum(total()), 0))
    await groups.flush(1.0)
    await groups.flush(2.0, generation=2)
    groups.clock.now_s = 2.0 + SESSION_TIMEOUT_S - 0.5
    await groups.process(Event(encode_group_sum(total(source=1)), 1, generation=2))
    groups.table.written.clear()
    written = [await groups.flush(2.0 + SESSION_TIMEOUT_S + later_s, generation=2) for later_s in (-0.1, 0.0)]
    assert (written, len(groups.table.written)) == ([0, 1], 2)


async def test_events_that_wait_for_a_batch_are_dropped_with_their_generation() -> None:
    groups = Groups()
    old = Event(encode_group_sum(total()), 0, generation=1)
    await groups.process(old)
    await groups.flush(0.5, generation=2)
    again = Event(encode_group_sum(total()), 0, generation=2)
    await groups.process(again)
    written = max([await groups.flush(at_s, generation=2) for at_s in (5.0, 9.0, 13.0)])
    assert again.acknowledged
    assert (written, old.acknowledged) == (1, False)


async def test_after_a_takeover_batch_and_rows_are_written_again_one_session_timeout_later() -> None:
    """The rows too: log compaction keeps the last value, which a worker considered dead may have written."""
    groups = Groups()
    await groups.process(Event(encode_group_sum(total(nodes=2)), 0))
    await groups.flush(2.0)
    groups.table.written.clear()
    written = [await groups.flush(at_s, generation=2) for at_s in (3.0, 12.0, 13.0, 30.0)]
    assert (written, len(groups.table.written)) == ([1, 1, 2, 2], 1)
