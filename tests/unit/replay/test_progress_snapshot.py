from collections.abc import Mapping

import pytest

from replay.history import Offsets
from replay.progress_snapshot import count_done, count_left, slowest_partition

OFFSETS = Offsets(begin={0: 100, 1: 50, 2: 7}, end={0: 110, 1: 60, 2: 7})  # of partition 2 nothing is read


@pytest.mark.parametrize(
    ("committed", "records", "behind"),
    [
        pytest.param({}, 0, None, id="not begun"),
        pytest.param({0: 100, 1: 50, 2: 7}, 0, None, id="begun, nothing done"),
        pytest.param({0: 104}, 4, None, id="of one partition nothing yet"),
        pytest.param({0: 104, 1: 53}, 7, (1, 52), id="the one with fewest done, and the last of it"),
        pytest.param({0: 110, 1: 60, 2: 7}, 20, (0, 109), id="all done"),
        pytest.param({0: 130, 1: 61, 2: 9}, 20, (0, 109), id="what lies behind the end is no more of it"),
    ],
)
def test_how_far_it_is(committed: Mapping[int, int], records: int, behind: tuple[int, int] | None) -> None:
    assert OFFSETS.records == 20
    assert count_done(OFFSETS, committed) == records
    assert slowest_partition(OFFSETS, committed) == behind


def test_what_is_left_is_what_is_there_and_not_committed() -> None:
    assert count_left({0: 5, 1: 3, 2: 0}, {0: 2, 1: 9}) == 3
