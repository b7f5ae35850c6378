"""How much work a record is, counted in calls: the same on every machine, whatever else it does.

A bound is a tenth above what was counted when it was set. Whoever exceeds it for a good reason raises it, with the
figures of `make bench` before and after.
"""

import sys
from collections.abc import Callable
from types import FrameType

import pytest

from bench import stages
from bench.stages import PROCESS


def calls(work: Callable[[object], object], record: object) -> int:
    """Calls of Python functions and of built-in ones, once caches are filled."""
    work(record)
    counted = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal counted
        counted += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work(record)
    finally:
        sys.setprofile(before)
    return counted


@pytest.fixture(scope="module")
def measured() -> dict[str, tuple[Callable[[object], object], object]]:
    return {name: (work, records[0]) for name, (work, records) in stages.stages(nodes=1).items()}


@pytest.mark.parametrize(
    ("stage", "most"),
    [
        pytest.param(PROCESS, 23_500, id="processor"),
        pytest.param("writer: decode a batch", 2_200, id="writer, decode"),
        pytest.param("writer: render", 6_200, id="writer, render"),
        pytest.param("writer: render with fields", 6_200, id="writer, render with fields"),
        pytest.param("scraper: encode a scrape", 1_020, id="scraper, encode"),
    ],
)
def test_calls_of_a_node_with_2632_values(
    measured: dict[str, tuple[Callable[[object], object], object]], stage: str, most: int
) -> None:
    work, record = measured[stage]
    counted = calls(work, record)
    assert counted <= most, f"{stage}: {counted} calls"
