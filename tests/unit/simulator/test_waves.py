from hypothesis import given
from hypothesis import strategies as st

from simulator.waves import ANCHOR_S, Wave

TIMES = st.integers(ANCHOR_S, ANCHOR_S + 30 * 365 * 86_400)
MEANS = st.sampled_from([0.02, 0.4, 12.0, 6000.0, 5e6, 8e9])


@given(mean=MEANS, seed=st.integers(0, 50), since=TIMES, earlier=st.integers(0, 10**7), later=st.integers(0, 10**7))
def test_counters_never_fall(mean: float, seed: int, since: int, earlier: int, later: int) -> None:
    wave = Wave.drawn(mean, seed)
    first, second = sorted([earlier, later])
    assert 0 <= wave.growth(since, since + first) <= wave.growth(since, since + second)


@given(seed=st.integers(0, 50), at_s=TIMES)
def test_a_counter_grows_as_fast_as_its_rate_says(seed: int, at_s: int) -> None:
    wave = Wave.drawn(1e9, seed)
    slowest, fastest = sorted([wave.at(at_s), wave.at(at_s + 1)])
    assert 0.99 * slowest < wave.growth(at_s, at_s + 1) < 1.01 * fastest


def test_a_counter_begins_at_zero() -> None:
    assert Wave.drawn(1e9, "cpu").growth(1_700_000_000, 1_700_000_000) == 0
