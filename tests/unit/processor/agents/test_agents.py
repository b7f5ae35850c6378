"""The two agents with a table in memory and an output that takes notes: what is sent, held and let go."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from faust.types import TP

from processor.agents.ack_tracker import AckTracker
from processor.agents.group_agent import GroupAgent
from processor.agents.node_agent import NodeAgent
from processor.agents.output import RejectedError
from processor.core.labels import LabelRules
from processor.state.assignment import Assignment, Position, Span
from processor.state.group_windows import QUIET_S
from schemas.group_sum import NO_SUMS, GroupSum, encode_group_sum
from schemas.metric_batch import MetricBatch
from schemas.node_scrape import NodeScrape, encode_scrape
from tests.scrapes import MINUTE_NS, summary_scrape

SCRAPE = summary_scrape({"node": {"nodeName": "n1"}})
SESSION_S = 10.0


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


class Rows:
    """A window table of one process."""

    def __init__(self) -> None:
        self.kept: defaultdict[int, dict[bytes, bytes]] = defaultdict(dict)
        self.written: list[bytes] = []

    def row(self, partition: int, key: bytes) -> bytes:
        return self.kept[partition][key]

    def rows(self, partition: int) -> Iterator[bytes]:
        return iter(self.kept[partition].values())

    async def put(self, partition: int, key: bytes, value: bytes) -> Awaitable[None]:
        self.kept[partition][key] = value
        self.written.append(key)
        return done()

    async def remove(self, partition: int, key: bytes) -> None:
        self.kept[partition].pop(key, None)


class Sent:
    """An output: what was sent, and why records were rejected. `refuses` is an error of its `batch`."""

    def __init__(self, refuses: Exception | None = None) -> None:
        self.batches: list[MetricBatch] = []
        self.rejected: list[str] = []
        self._refuses = refuses

    async def batch(self, batch: MetricBatch) -> Awaitable[None]:
        if self._refuses is not None:
            raise self._refuses
        self.batches.append(batch)
        return done()

    async def total(self, _total: GroupSum) -> Awaitable[None]:
        return done()

    async def progress(self, _progress: object) -> list[Awaitable[None]]:
        return []

    async def reject(self, _event: object, reason: str) -> Awaitable[None]:
        self.rejected.append(reason)
        return done()


def done() -> Awaitable[None]:
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future


def node_agent(output: Sent) -> NodeAgent:
    samples: Any = Rows()
    return NodeAgent(samples=samples, output=output, rules=LabelRules(), span=Span())


def scrapes(*values: bytes | NodeScrape) -> Any:
    return Stream(
        [
            Event(value if isinstance(value, bytes) else encode_scrape(value), offset)
            for offset, value in enumerate(values)
        ]
    )


class BrokenRules(LabelRules):
    """A core with a bug that shows with one node only."""

    def entity_labels(self, object_labels: Mapping[str, str]) -> dict[str, str]:
        if "breaks" in object_labels:
            raise ZeroDivisionError("a bug")
        return super().entity_labels(object_labels)


def test_a_record_that_breaks_the_core_is_rejected_and_the_next_is_not() -> None:
    async def run() -> Sent:
        output = Sent()
        samples: Any = Rows()
        agent = NodeAgent(samples=samples, output=output, rules=BrokenRules(), span=Span())
        await agent.run(scrapes(replace(SCRAPE, labels={"breaks": "it"}), replace(SCRAPE, node="n2")))
        return output

    output = asyncio.run(run())
    assert output.rejected == ["processing failed: ZeroDivisionError: a bug"]
    assert [batch.entity for batch in output.batches] == ["n2"]


def test_a_record_whose_batch_cannot_be_sent_is_rejected_and_leaves_nothing_behind() -> None:
    async def run() -> tuple[Sent, int | None]:
        output = Sent(refuses=RejectedError("its batch cannot be sent: too large", "unsendable"))
        agent = node_agent(output)
        await agent.run(scrapes(SCRAPE))
        return output, agent.position(0)

    output, position = asyncio.run(run())
    assert output.rejected == ["its batch cannot be sent: too large"]
    assert position == 1


def test_a_send_that_fails_is_no_fault_of_the_record() -> None:
    output = Sent(refuses=ConnectionError("Kafka is away"))

    async def run() -> None:
        await node_agent(output).run(scrapes(SCRAPE))

    with pytest.raises(ConnectionError):
        asyncio.run(run())
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
    """A group agent, its table, its output and its clock."""

    def __init__(self) -> None:
        self.rows, self.output, self.clock = Rows(), Sent(), Clock()
        rows: Any = self.rows
        self.agent = GroupAgent(
            groups=rows, output=self.output, sources=2, span=Span(), session_s=SESSION_S, clock_s=self.clock
        )

    async def take(self, *events: Event) -> None:
        stream: Any = Stream(list(events))
        await self.agent.run(stream)

    async def flush(self, at_s: float, generation: int = 1) -> int:
        """How many batches were written by then."""
        self.clock.now_s = at_s
        position = Position(next_offset=0, end_offset=9, committed_offset=0)
        await self.agent.flush(Assignment(generation, {0: position}))
        return len(self.output.batches)


def test_a_total_is_acknowledged_when_its_groups_batch_is_written() -> None:
    async def run() -> list[bool]:
        groups, event = Groups(), Event(encode_group_sum(total()), 0)
        await groups.take(event)
        await groups.flush(1.0)
        before = event.acknowledged
        await groups.flush(QUIET_S)
        return [before, event.acknowledged]

    assert asyncio.run(run()) == [False, True]


def test_when_room_runs_short_batches_are_written_before_they_have_been_quiet() -> None:
    async def run() -> tuple[int, bool]:
        groups, event = Groups(), Event(encode_group_sum(total()), 0)
        groups.agent.deliveries = AckTracker(most_bytes=2 * len(event.value))
        await groups.take(event)
        assert groups.agent.deliveries.crowded
        return await groups.flush(0.1), event.acknowledged

    assert asyncio.run(run()) == (1, True)


def test_a_worker_that_was_away_for_longer_than_its_session_waits_for_one_before_it_writes() -> None:
    async def run() -> list[int]:
        groups = Groups()
        await groups.flush(0.0)
        await groups.take(Event(encode_group_sum(total()), 0))
        return [await groups.flush(at_s) for at_s in (30.0, 35.0, 39.0, 40.0 + QUIET_S)]

    assert asyncio.run(run()) == [0, 0, 0, 1]


@pytest.mark.parametrize("crowded", [False, True])
def test_a_worker_that_was_away_writes_no_whole_total_either_that_comes_meanwhile(*, crowded: bool) -> None:
    async def run() -> list[int]:
        groups, event = Groups(), Event(encode_group_sum(total(nodes=2)), 0)
        if crowded:
            groups.agent.deliveries = AckTracker(most_bytes=2 * len(event.value))
        await groups.flush(0.0)
        await groups.flush(30.0)
        groups.clock.now_s = 30.1
        await groups.take(event)
        assert groups.agent.deliveries.crowded is crowded
        return [await groups.flush(at_s) for at_s in (30.5, 39.9, 40.0)]

    assert asyncio.run(run()) == [0, 0, 1]


def test_a_total_that_becomes_whole_soon_after_a_takeover_waits_for_one_session_too() -> None:
    async def run() -> tuple[list[int], int]:
        groups = Groups()
        await groups.take(Event(encode_group_sum(total()), 0))
        await groups.flush(1.0)
        await groups.flush(2.0, generation=2)
        groups.clock.now_s = 2.0 + SESSION_S - 0.5
        await groups.take(Event(encode_group_sum(total(source=1)), 1, generation=2))
        groups.rows.written.clear()
        written = [await groups.flush(2.0 + SESSION_S + later_s, generation=2) for later_s in (-0.1, 0.0)]
        return written, len(groups.rows.written)

    assert asyncio.run(run()) == ([0, 1], 2)


def test_what_waits_for_a_batch_is_let_go_with_its_generation() -> None:
    async def run() -> tuple[int, bool]:
        groups = Groups()
        old = Event(encode_group_sum(total()), 0, generation=1)
        await groups.take(old)
        await groups.flush(0.5, generation=2)
        again = Event(encode_group_sum(total()), 0, generation=2)
        await groups.take(again)
        written = max([await groups.flush(at_s, generation=2) for at_s in (5.0, 9.0, 13.0)])
        assert again.acknowledged
        return written, old.acknowledged

    assert asyncio.run(run()) == (1, False)


def test_whoever_takes_over_writes_batch_and_rows_once_more_one_session_later() -> None:
    """The rows too: compaction keeps what was written last, which a worker thought dead may have."""

    async def run() -> tuple[list[int], int]:
        groups = Groups()
        await groups.take(Event(encode_group_sum(total(nodes=2)), 0))
        await groups.flush(2.0)
        groups.rows.written.clear()
        written = [await groups.flush(at_s, generation=2) for at_s in (3.0, 12.0, 13.0, 30.0)]
        return written, len(groups.rows.written)

    assert asyncio.run(run()) == ([1, 1, 2, 2], 1)
