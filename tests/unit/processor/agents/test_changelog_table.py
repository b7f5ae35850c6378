"""The window table: which of two values of a row stays, and what a changelog gives back."""

from types import SimpleNamespace
from typing import Any

import faust
import pytest

from processor.agents.changelog_table import WindowTable

CHANGELOG = "tests-rows-changelog"


@pytest.fixture
def table() -> WindowTable:
    app = faust.App("tests", store="memory://", web_enabled=False)
    return WindowTable(app, name="rows", partitions=2, row_offset=lambda row: int(row.split()[0]))


def restore(table: WindowTable, *records: tuple[bytes, bytes | None], topic: str = CHANGELOG) -> None:
    events: list[Any] = [
        SimpleNamespace(message=SimpleNamespace(topic=topic, partition=1, offset=offset, key=key, value=value))
        for offset, (key, value) in enumerate(records)
    ]
    table.apply_changelog_batch(events)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        pytest.param((b"5 earlier", b"7 later"), b"7 later", id="one of a greater offset replaces it"),
        pytest.param((b"7 later", b"5 earlier"), b"7 later", id="one of a lower offset does not"),
        pytest.param((b"7 once", b"7 again"), b"7 again", id="one of the same offset is the same record, done again"),
    ],
)
def test_of_two_values_of_a_row_the_greater_offset_stays(
    table: WindowTable, written: tuple[bytes, ...], kept: bytes
) -> None:
    restore(table, *((b"row", value) for value in written))

    assert table.row(1, b"row") == kept
    assert list(table.rows(1)) == [kept]


def test_rows_belong_to_the_partition_they_were_written_for(table: WindowTable) -> None:
    restore(table, (b"row", b"1 value"))

    assert list(table.rows(0)) == []
    with pytest.raises(KeyError):
        table.row(0, b"row")


def test_a_row_that_was_deleted_stays_so(table: WindowTable) -> None:
    restore(table, (b"row", b"1 value"), (b"row", None))

    assert list(table.rows(1)) == []


def test_records_of_another_tables_changelog_are_none_of_its_rows(table: WindowTable) -> None:
    restore(table, (b"row", b"1 value"), topic="tests-others-changelog")

    assert list(table.rows(1)) == []


def test_long_rows_come_back_as_they_were(table: WindowTable) -> None:
    value = b"1 " + bytes(range(256)) * 100
    restore(table, (b"row", value))

    assert table.row(1, b"row") == value
