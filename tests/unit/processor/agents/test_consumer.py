"""Every record of a partition in order, whatever Faust drops on the way."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from faust.transport.drivers.aiokafka import Consumer
from faust.types import TP

from processor.agents.app import App
from processor.agents.consumer import OrderedConsumer

HERE = TP("kubelet-stats", 3)


class Partition:
    """A partition and the reader's place in it; fetches of four records, some of which get lost."""

    def __init__(self, offsets: list[int]) -> None:
        self.offsets = offsets
        self.position = 0
        self.lost: list[slice] = []  # of the next fetches, what does not come out
        self.seeks: list[int] = []

    def fetch(self) -> list[int]:
        found = [offset for offset in self.offsets if offset >= self.position][:4]
        self.position = found[-1] + 1 if found else self.position
        if self.lost:
            del found[self.lost.pop(0)]
        return found


@pytest.fixture
def partition() -> Partition:
    return Partition(list(range(12)))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield made
    made.close()
    asyncio.set_event_loop(None)


@pytest.fixture
def consumer(
    partition: Partition, loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch
) -> Iterator[OrderedConsumer]:
    async def getmany(_: object, __: float) -> AsyncIterator[tuple[TP, Any]]:
        for offset in partition.fetch():
            yield HERE, SimpleNamespace(topic=HERE.topic, offset=offset)

    async def seek(_: object, __: TP, offset: int) -> None:
        partition.seeks.append(offset)
        partition.position = offset

    async def positions(_: object) -> dict[TP, int]:
        return {HERE: partition.position}

    monkeypatch.setattr(Consumer, "getmany", getmany)
    monkeypatch.setattr(Consumer, "seek", seek)
    monkeypatch.setattr(OrderedConsumer, "_positions", positions)
    app = App("test", broker="kafka://127.0.0.1:9", store="memory://", web_enabled=False, loop=loop)
    monkeypatch.setattr(app.topics, "acks_enabled_for", lambda _: True)
    made = app._new_consumer()
    assert isinstance(made, OrderedConsumer)
    made._next = {HERE: 0}
    yield made
    made._thread.thread_loop.close()


def read(consumer: OrderedConsumer, times: int) -> list[int]:
    """What so many fetches bring."""

    async def take() -> list[int]:
        return [message.offset for _ in range(times) async for _, message in consumer.getmany(1.0)]

    return consumer.app.loop.run_until_complete(take())


def test_nothing_is_sought_while_nothing_is_dropped(consumer: OrderedConsumer, partition: Partition) -> None:
    assert read(consumer, 4) == partition.offsets
    assert partition.seeks == []


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param([slice(0, 4)], id="a whole fetch, as when it ends behind the seek that was to undo it"),
        pytest.param([slice(2, 4)], id="the rest of a fetch"),
        pytest.param([slice(0, 2)], id="the start of a fetch"),
        pytest.param([slice(0, 0), slice(1, 2), slice(0, 4)], id="one in the middle, then a whole fetch"),
    ],
)
def test_what_was_dropped_is_fetched_again(consumer: OrderedConsumer, partition: Partition, lost: list[slice]) -> None:
    partition.lost = lost
    assert read(consumer, 7) == partition.offsets


def test_records_that_are_gone_from_the_topic_are_asked_for_three_times(
    consumer: OrderedConsumer, partition: Partition
) -> None:
    partition.offsets = [0, 1, 7, 8, 9]
    assert read(consumer, 6) == partition.offsets
    assert partition.seeks == [2, 2, 2]


def test_what_comes_during_a_rebalance_comes_again_after_it(consumer: OrderedConsumer, partition: Partition) -> None:
    consumer.app.rebalancing = True
    assert read(consumer, 2) == []
    assert partition.seeks == []
    consumer.app.rebalancing = False
    assert read(consumer, 4) == partition.offsets
