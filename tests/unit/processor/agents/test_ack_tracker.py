"""Events are acknowledged in order, once everything sent for them has reached Kafka."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from faust.types import TP

from processor.agents.ack_tracker import AckTracker, PendingSend

STATS = TP("kubelet-stats", 0)


@dataclass
class Message:
    offset: int
    generation_id: int = 1
    value: bytes = bytes(300)
    tp: TP = STATS


@dataclass
class Event:
    """Stands in for Faust's event: records that it was acknowledged."""

    message: Message
    acked: list[int]

    def ack(self) -> None:
        self.acked.append(self.message.offset)


@dataclass
class Partition:
    """Creates events, and holds the offsets of those that were acknowledged, in order."""

    acked: list[int] = field(default_factory=list)

    def event(self, offset: int, generation: int = 1) -> Any:
        return Event(Message(offset, generation), self.acked)


async def acknowledged() -> None:
    """A send that Kafka has acknowledged."""


async def failed() -> None:
    raise ConnectionError("no broker")


async def acknowledge(acks: AckTracker, also: list[PendingSend] | None = None) -> None:
    await acks.acknowledge(acks.unacked_counts(), also or [])


async def test_acknowledged_events_stay_in_the_event_count() -> None:
    acks = AckTracker()
    for offset in (3, 4):
        acks.track(Partition().event(offset))
    await acknowledge(acks)
    assert acks.event_count == 2


async def test_events_are_acknowledged_in_order_after_their_sends() -> None:
    partition, acks = Partition(), AckTracker()
    for offset in (3, 4, 5):
        acks.track(partition.event(offset), [acknowledged()])
    await acknowledge(acks)
    assert partition.acked == [3, 4, 5]


async def test_an_incomplete_event_blocks_the_events_behind_it() -> None:
    partition, acks = Partition(), AckTracker()
    acks.track(partition.event(0))
    incomplete = acks.track(partition.event(1), complete=False)
    acks.track(partition.event(2))
    await acknowledge(acks)
    assert partition.acked == [0]
    incomplete.complete = True
    await acknowledge(acks)
    assert partition.acked == [0, 1, 2]


async def test_only_the_counted_events_are_acknowledged() -> None:
    partition, acks = Partition(), AckTracker()
    acks.track(partition.event(0))
    counts = acks.unacked_counts()
    acks.track(partition.event(1))
    await acks.acknowledge(counts)
    assert partition.acked == [0]


async def test_an_event_with_a_failed_send_is_not_acknowledged() -> None:
    partition, acks = Partition(), AckTracker()
    acks.track(partition.event(0), [acknowledged()])
    acks.track(partition.event(1), [failed()])
    with pytest.raises(ConnectionError):
        await acknowledge(acks)
    assert partition.acked == [0]


async def test_nothing_is_acknowledged_if_a_total_cannot_be_sent() -> None:
    partition, acks = Partition(), AckTracker()
    acks.track(partition.event(0))
    with pytest.raises(ConnectionError):
        await acknowledge(acks, [failed()])
    assert partition.acked == []


async def test_after_a_rebalance_earlier_events_are_never_acknowledged() -> None:
    partition, acks = Partition(), AckTracker()
    acks.track(partition.event(7, generation=1))
    acks.track(partition.event(5, generation=2))
    acks.track(partition.event(8, generation=1))
    await acknowledge(acks)
    assert partition.acked == [5]


@pytest.mark.parametrize(
    ("generation", "acked"),
    [
        pytest.param(3, [], id="a newer generation drops the events"),
        pytest.param(2, [0], id="the events' own generation keeps them"),
        pytest.param(1, [0], id="an older generation keeps them"),
    ],
)
async def test_only_a_newer_generation_drops_events(generation: int, acked: list[int]) -> None:
    partition, acks = Partition(), AckTracker()
    acks.track(partition.event(0, generation=2))
    acks.drop_older_generations(generation)
    await acknowledge(acks)
    assert partition.acked == acked


@pytest.mark.parametrize(
    ("generation", "acked"),
    [
        pytest.param(1, [1], id="older than the generation before"),
        pytest.param(2, [1], id="the generation before"),
        pytest.param(3, [1, 9], id="the current generation"),
    ],
)
async def test_an_old_generation_does_not_replace_the_current_one(generation: int, acked: list[int]) -> None:
    partition, acks = Partition(), AckTracker()
    acks.drop_older_generations(3)
    acks.drop_older_generations(generation)
    acks.track(partition.event(1, generation=3))
    acks.track(partition.event(9, generation=generation))
    await acknowledge(acks)
    assert partition.acked == acked


async def test_dropped_events_free_their_capacity() -> None:
    partition, acks = Partition(), AckTracker(max_bytes=1024)
    acks.track(partition.event(0, generation=1))
    waiting = asyncio.ensure_future(acks.wait_for_capacity())
    await asyncio.sleep(0)
    assert not waiting.done()
    acks.drop_older_generations(2)
    await waiting
    assert not acks.half_full


async def test_a_rebalance_during_a_send_leaves_earlier_events_unacknowledged() -> None:
    partition, acks = Partition(), AckTracker()
    send: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    acks.track(partition.event(7, generation=1), [send])
    acknowledging = asyncio.ensure_future(acknowledge(acks))
    await asyncio.sleep(0)
    acks.track(partition.event(5, generation=2))
    send.set_result(None)
    await acknowledging
    assert partition.acked == []
    await acknowledge(acks)
    assert partition.acked == [5]


async def test_backpressure_waits_until_events_are_acknowledged() -> None:
    partition, acks = Partition(), AckTracker(max_bytes=2 * 1024 + 500)
    acks.track(partition.event(0))
    assert acks.half_full
    acks.track(partition.event(1))
    waiting = asyncio.ensure_future(acks.wait_for_capacity())
    await asyncio.sleep(0)
    assert not waiting.done()
    await acknowledge(acks)
    await waiting
