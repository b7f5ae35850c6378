from collections.abc import Mapping

import pytest

from replay.history import Offsets
from replay.progress_snapshot import count_done, count_left, slowest_partition

OFFSETS = Offsets(begin={0: 100, 1: 50, 2: 7}, end={0: 110, 1: 60, 2: 7})  # nothing to read in partition 2


@pytest.mark.parametrize(
    ("committed", "records", "slowest"),
    [
        pytest.param({}, 0, None, id="not started"),
        pytest.param({0: 100, 1: 50, 2: 7}, 0, None, id="started, nothing done"),
        pytest.param({0: 104}, 4, None, id="nothing done in one partition"),
        pytest.param({0: 104, 1: 53}, 7, (1, 52), id="the slowest partition and its last offset that is done"),
        pytest.param({0: 110, 1: 60, 2: 7}, 20, (0, 109), id="all done"),
        pytest.param({0: 130, 1: 61, 2: 9}, 20, (0, 109), id="commits after the end do not count"),
    ],
)
def test_records_done_and_slowest_partition(
    committed: Mapping[int, int], records: int, slowest: tuple[int, int] | None
) -> None:
    assert OFFSETS.records == 20
    assert count_done(OFFSETS, committed) == records
    assert slowest_partition(OFFSETS, committed) == slowest


def test_records_left_are_those_not_committed() -> None:
    assert count_left({0: 5, 1: 3, 2: 0}, {0: 2, 1: 9}) == 3
