"""The consumer delivers every record of a partition in order, also those that Faust drops."""

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
    """A partition and the consumer's position in it; fetches four records at once, some of which are dropped."""

    def __init__(self, offsets: list[int]) -> None:
        self.offsets = offsets
        self.position = 0
        self.dropped: list[slice] = []  # the records that each of the next fetches drops
        self.seeks: list[int] = []

    def fetch(self) -> list[int]:
        found = [offset for offset in self.offsets if offset >= self.position][:4]
        self.position = found[-1] + 1 if found else self.position
        if self.dropped:
            del found[self.dropped.pop(0)]
        return found


@pytest.fixture
def partition() -> Partition:
    return Partition(list(range(12)))


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    created = asyncio.new_event_loop()
    asyncio.set_event_loop(created)
    yield created
    created.close()
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
    created = app._new_consumer()
    assert isinstance(created, OrderedConsumer)
    created._next_offsets = {HERE: 0}
    yield created
    created._thread.thread_loop.close()


def read(consumer: OrderedConsumer, fetches: int) -> list[int]:
    """The offsets that these fetches deliver."""

    async def getmany() -> list[int]:
        return [message.offset for _ in range(fetches) async for _, message in consumer.getmany(1.0)]

    return consumer.app.loop.run_until_complete(getmany())


def test_the_consumer_does_not_seek_while_no_record_is_dropped(consumer: OrderedConsumer, partition: Partition) -> None:
    assert read(consumer, 4) == partition.offsets
    assert partition.seeks == []


@pytest.mark.parametrize(
    "dropped",
    [
        pytest.param([slice(0, 4)], id="a whole fetch, as when it completes after a seek"),
        pytest.param([slice(2, 4)], id="the end of a fetch"),
        pytest.param([slice(0, 2)], id="the start of a fetch"),
        pytest.param([slice(0, 0), slice(1, 2), slice(0, 4)], id="one record in the middle, then a whole fetch"),
    ],
)
def test_dropped_records_are_fetched_again(
    consumer: OrderedConsumer, partition: Partition, dropped: list[slice]
) -> None:
    partition.dropped = dropped
    assert read(consumer, 7) == partition.offsets


def test_deleted_records_are_skipped_after_three_attempts(consumer: OrderedConsumer, partition: Partition) -> None:
    partition.offsets = [0, 1, 7, 8, 9]
    assert read(consumer, 6) == partition.offsets
    assert partition.seeks == [2, 2, 2]


def test_records_of_a_rebalance_are_delivered_after_it(consumer: OrderedConsumer, partition: Partition) -> None:
    consumer.app.rebalancing = True
    assert read(consumer, 2) == []
    assert partition.seeks == []
    consumer.app.rebalancing = False
    assert read(consumer, 4) == partition.offsets
