import pytest

from scraper.kubelet.clock_offset import MAX_OFFSET_NS, offset_ns

SECOND = 1_000_000_000
LOCAL = 1_502_621_458 * SECOND  # 2017-08-13T10:50:58Z
DATE = "Sun, 13 Aug 2017 10:50:{:02d} GMT"


@pytest.mark.parametrize(
    ("date", "sampled_s", "expected_s"),
    [
        pytest.param(
            DATE.format(58), None, 0.5, id="a Date has whole seconds: the middle of the second is the best estimate"
        ),
        pytest.param(DATE.format(57), -3, -0.5, id="an older sample adds nothing"),
        pytest.param(DATE.format(28), -35, -29.5, id="the kubelet is behind"),
        pytest.param("Sun, 13 Aug 2017 10:52:58 GMT", 100, 120.5, id="the kubelet is ahead"),
        pytest.param(DATE.format(58), 90, 90, id="a sample newer than the Date: a proxy wrote the Date"),
        pytest.param(DATE.format(58), 1, 0.5, id="a sample within the Date's second"),
        pytest.param(None, 90, 90, id="no Date, a sample in the future"),
        pytest.param(None, -15, None, id="no Date, a sample of a normal age"),
        pytest.param(None, -61, -61, id="no Date, a stale sample"),
        pytest.param(None, None, None, id="neither Date nor sample"),
        pytest.param("yesterday", -15, None, id="an invalid Date"),
        pytest.param("", None, None, id="an empty Date"),
    ],
)
def test_clock_offset(date: str | None, sampled_s: int | None, expected_s: float | None) -> None:
    sampled_at_ns = None if sampled_s is None else LOCAL + sampled_s * SECOND
    expected_ns = None if expected_s is None else int(expected_s * SECOND)
    assert offset_ns(date=date, sampled_at_ns=sampled_at_ns, local_ns=LOCAL) == expected_ns


def test_the_limit_is_far_above_the_precision_of_a_date() -> None:
    assert MAX_OFFSET_NS == 5 * SECOND
