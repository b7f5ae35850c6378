"""The window table, and the fake that stands in for it in the agents' tests: both keep the same rows."""

from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any, TypeAlias

import faust
import pytest

from processor.agents.changelog_table import WindowTable
from tests.unit.processor.agents.memory_table import MemoryTable, done

CHANGELOG = "tests-rows-changelog"
Sent: TypeAlias = tuple[str, int | None, bytes | None, bytes | None]


def offset_of(row: bytes) -> int:
    return int(row.split()[0])


class FakeProducer:
    """Records what is sent: topic, partition, key and value."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    async def send(
        self, topic: str, *, key: bytes | None, value: bytes | None, partition: int | None = None
    ) -> Awaitable[None]:
        self.sent.append((topic, partition, key, value))
        return done()


@pytest.fixture
def producer() -> FakeProducer:
    return FakeProducer()


@pytest.fixture
def window_table(producer: FakeProducer) -> WindowTable:
    app = faust.App("tests", store="memory://", web_enabled=False)
    table = WindowTable(app, name="rows", partitions=2, row_offset=offset_of)
    table._producer = producer  # type: ignore[assignment]
    return table


@pytest.fixture(params=["changelog", "memory"])
def table(request: pytest.FixtureRequest, window_table: WindowTable) -> WindowTable | MemoryTable:
    return window_table if request.param == "changelog" else MemoryTable(offset_of)


def restore(table: WindowTable, *records: tuple[bytes, bytes | None], topic: str = CHANGELOG) -> None:
    events: list[Any] = [
        SimpleNamespace(message=SimpleNamespace(topic=topic, partition=1, offset=offset, key=key, value=value))
        for offset, (key, value) in enumerate(records)
    ]
    table.apply_changelog_batch(events)


GREATER_OFFSET_WINS = pytest.mark.parametrize(
    ("values", "kept"),
    [
        pytest.param((b"5 earlier", b"7 later"), b"7 later", id="a greater offset replaces the value"),
        pytest.param((b"7 later", b"5 earlier"), b"7 later", id="a lower offset does not"),
        pytest.param((b"7 once", b"7 again"), b"7 again", id="the same offset is the same record processed again"),
    ],
)


@GREATER_OFFSET_WINS
async def test_the_value_of_the_greater_offset_is_kept_when_written(
    table: WindowTable | MemoryTable, values: tuple[bytes, ...], kept: bytes
) -> None:
    for value in values:
        await table.put(1, b"row", value)

    assert table.row(1, b"row") == kept
    assert list(table.rows(1)) == [kept]


@GREATER_OFFSET_WINS
def test_the_value_of_the_greater_offset_is_kept_when_restored(
    window_table: WindowTable, values: tuple[bytes, ...], kept: bytes
) -> None:
    restore(window_table, *((b"row", value) for value in values))

    assert window_table.row(1, b"row") == kept
    assert list(window_table.rows(1)) == [kept]


async def test_a_row_belongs_to_the_partition_it_was_written_to(table: WindowTable | MemoryTable) -> None:
    await table.put(1, b"row", b"1 value")

    assert list(table.rows(0)) == []
    with pytest.raises(KeyError):
        table.row(0, b"row")


def test_a_restored_row_belongs_to_its_changelog_partition(window_table: WindowTable) -> None:
    restore(window_table, (b"row", b"1 value"))

    assert list(window_table.rows(0)) == []
    with pytest.raises(KeyError):
        window_table.row(0, b"row")


async def test_a_removed_row_is_gone(table: WindowTable | MemoryTable) -> None:
    await table.put(1, b"row", b"1 value")
    await table.put(1, b"other", b"2 value")

    assert await table.remove(1, b"row") is not None
    assert list(table.rows(1)) == [b"2 value"]
    with pytest.raises(KeyError):
        table.row(1, b"row")


async def test_removing_a_row_that_does_not_exist_sends_nothing(
    table: WindowTable | MemoryTable, producer: FakeProducer
) -> None:
    assert await table.remove(1, b"row") is None
    assert producer.sent == []


def test_a_restored_tombstone_removes_the_row(window_table: WindowTable) -> None:
    restore(window_table, (b"row", b"1 value"), (b"row", None))

    assert list(window_table.rows(1)) == []


async def test_writes_and_tombstones_go_to_the_changelog_partition(
    window_table: WindowTable, producer: FakeProducer
) -> None:
    await window_table.put(1, b"row", b"1 value")
    await window_table.remove(1, b"row")

    assert producer.sent == [(CHANGELOG, 1, b"row", b"1 value"), (CHANGELOG, 1, b"row", None)]


def test_records_of_another_tables_changelog_are_ignored(window_table: WindowTable) -> None:
    restore(window_table, (b"row", b"1 value"), topic="tests-others-changelog")

    assert list(window_table.rows(1)) == []


async def test_long_rows_are_returned_unchanged(table: WindowTable | MemoryTable) -> None:
    value = b"1 " + bytes(range(256)) * 100
    await table.put(1, b"row", value)

    assert table.row(1, b"row") == value


def test_long_restored_rows_are_returned_unchanged(window_table: WindowTable) -> None:
    value = b"1 " + bytes(range(256)) * 100
    restore(window_table, (b"row", value))

    assert window_table.row(1, b"row") == value
