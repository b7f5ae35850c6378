import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from faust.types import TP

from processor.agents.ack_tracker import AckTracker, Sent

STATS = TP("kubelet-stats", 0)


@dataclass
class Message:
    offset: int
    generation_id: int = 1
    value: bytes = bytes(300)
    tp: TP = STATS


@dataclass
class Event:
    """Stands in for Faust's event: remembers whether it was acknowledged."""

    message: Message
    acked: list[int]

    def ack(self) -> None:
        self.acked.append(self.message.offset)


@dataclass
class TopicReader:
    acked: list[int] = field(default_factory=list)

    def event(self, offset: int, generation: int = 1) -> Any:
        return Event(Message(offset, generation), self.acked)


async def acknowledged() -> None:
    """A send that Kafka has taken."""


async def refused() -> None:
    raise ConnectionError("no broker")


def settle(deliveries: AckTracker, also: list[Sent] | None = None) -> None:
    async def run() -> None:
        await deliveries.settle(deliveries.mark(), also or [])

    asyncio.run(run())


def test_what_has_been_taken_is_counted_for_whoever_waits_for_a_lull() -> None:
    deliveries = AckTracker()
    for offset in (3, 4):
        deliveries.hold(TopicReader().event(offset))
    settle(deliveries)
    assert deliveries.taken == 2


def test_events_are_acknowledged_in_their_order_behind_what_was_sent_for_them() -> None:
    reader, deliveries = TopicReader(), AckTracker()
    for offset in (3, 4, 5):
        deliveries.hold(reader.event(offset), [acknowledged()])
    settle(deliveries)
    assert reader.acked == [3, 4, 5]


def test_an_event_that_waits_for_more_holds_back_those_behind_it() -> None:
    reader, deliveries = TopicReader(), AckTracker()
    deliveries.hold(reader.event(0))
    waiting = deliveries.hold(reader.event(1), complete=False)
    deliveries.hold(reader.event(2))
    settle(deliveries)
    assert reader.acked == [0]
    waiting.complete = True
    settle(deliveries)
    assert reader.acked == [0, 1, 2]


def test_a_send_that_failed_acknowledges_nothing_behind_it() -> None:
    reader, deliveries = TopicReader(), AckTracker()
    deliveries.hold(reader.event(0), [acknowledged()])
    deliveries.hold(reader.event(1), [refused()])
    with pytest.raises(ConnectionError):
        settle(deliveries)
    assert reader.acked == [0]


def test_totals_that_could_not_be_sent_acknowledge_nothing() -> None:
    reader, deliveries = TopicReader(), AckTracker()
    deliveries.hold(reader.event(0))
    with pytest.raises(ConnectionError):
        settle(deliveries, [refused()])
    assert reader.acked == []


def test_after_a_rebalance_earlier_events_are_never_acknowledged() -> None:
    reader, deliveries = TopicReader(), AckTracker()
    deliveries.hold(reader.event(7, generation=1))
    deliveries.hold(reader.event(5, generation=2))
    deliveries.hold(reader.event(8, generation=1))
    settle(deliveries)
    assert reader.acked == [5]


def test_events_of_the_first_generation_are_kept_when_it_is_told_again() -> None:
    reader, deliveries = TopicReader(), AckTracker()
    deliveries.hold(reader.event(0))
    deliveries.keep_generation(1)
    settle(deliveries)
    assert reader.acked == [0]


def test_no_more_is_taken_than_there_is_room_for() -> None:
    async def run() -> None:
        reader, deliveries = TopicReader(), AckTracker(most_bytes=2 * 1024 + 500)
        deliveries.hold(reader.event(0))
        assert deliveries.crowded
        deliveries.hold(reader.event(1))
        waiting = asyncio.ensure_future(deliveries.room())
        await asyncio.sleep(0)
        assert not waiting.done()
        await deliveries.settle(deliveries.mark())
        await waiting

    asyncio.run(run())
