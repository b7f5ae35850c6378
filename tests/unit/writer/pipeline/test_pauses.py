import pytest
from hypothesis import given
from hypothesis import strategies as st

from writer.pipeline.pauses import pause_s


@pytest.mark.parametrize(
    ("failures", "retry_after_s", "chance", "expected"),
    [
        pytest.param(1, None, 1.0, 0.5, id="at most half a second at first"),
        pytest.param(2, None, 1.0, 1.0, id="doubled"),
        pytest.param(3, None, 1.0, 2.0, id="doubled again"),
        pytest.param(6, None, 1.0, 15.0, id="never more than 15 s"),
        pytest.param(10_000, None, 1.0, 15.0, id="however often"),
        pytest.param(3, None, 0.25, 0.5, id="any part of it"),
        pytest.param(3, None, 0.0, 0.0, id="or none"),
        pytest.param(1, 7.0, 0.0, 7.0, id="never before what the server asks for"),
        pytest.param(9, 7.0, 1.0, 7.5, id="and not all at once then"),
        pytest.param(1, 86400.0, 0.0, 300.0, id="a server that asks for a day is tried after five minutes"),
        pytest.param(1, -3.0, 0.0, 0.0, id="a negative wish is none"),
    ],
)
def test_pause(failures: int, retry_after_s: float | None, chance: float, expected: float) -> None:
    assert pause_s(failures, retry_after_s, chance) == expected


@given(st.integers(1, 100_000), st.none() | st.floats(0, 1e6), st.floats(0, 1))
def test_no_pause_is_negative_or_endless(failures: int, retry_after_s: float | None, chance: float) -> None:
    assert 0 <= pause_s(failures, retry_after_s, chance) <= 315
