from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.rates import Rates, rates
from schemas.catalogue import RATED_COUNTERS
from schemas.node_sample import EntitySample

CPU, RX, TX = "cpu/usage", "network/rx", "network/tx"
MINUTE, SECOND, MS = 60_000_000_000, 1_000_000_000, 1_000_000


def sample(
    counters: Mapping[str, int], *, at: int = MINUTE, start: int | None = 0, key: str = "node:n1"
) -> EntitySample:
    return EntitySample(key, at, start, counters)


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        pytest.param(sample({CPU: 940_684_951}), Rates({"cpu/usage_rate": 15}), id="15.68 millicores are truncated"),
        pytest.param(sample({RX: 127}), Rates({"network/rx_rate": 2.0}), id="120 bytes in a minute"),
        pytest.param(sample({RX: 6}), Rates({}, resets=(RX,)), id="a decreased counter is a reset without a rate"),
        pytest.param(
            sample({RX: 6, CPU: MINUTE}),
            Rates({"cpu/usage_rate": 1000}, resets=(RX,)),
            id="other counters keep their rate",
        ),
        pytest.param(sample({RX: 7, TX: 9}), Rates({"network/rx_rate": 0.0}), id="zero if unchanged, absent if new"),
        pytest.param(sample({}), Rates({}), id="a counter that is missing now"),
        pytest.param(sample({CPU: 9}, at=0), Rates({}), id="the kubelet has not sampled since"),
        pytest.param(sample({CPU: 9}, at=-SECOND), Rates({}), id="the kubelet's clock was set back"),
        pytest.param(sample({CPU: MINUTE}, start=9 * MS), Rates({"cpu/usage_rate": 1000}), id="start off by 9 ms"),
        pytest.param(sample({CPU: MINUTE}, start=-9 * MS), Rates({"cpu/usage_rate": 1000}), id="start off by -9 ms"),
        pytest.param(sample({CPU: MINUTE}, start=SECOND), Rates({}), id="start off by 1 s: restarted"),
        pytest.param(sample({CPU: MINUTE}, start=-SECOND), Rates({}), id="start off by -1 s: restarted"),
        pytest.param(
            sample({CPU: MINUTE, RX: 6}, start=9 * MS),
            Rates({}),
            id="start off by 9 ms and a counter decreased: restarted",
        ),
        pytest.param(sample({CPU: MINUTE}, start=None), Rates({}), id="start time missing now"),
    ],
)
def test_rates_since_a_sample_one_minute_earlier(now: EntitySample, expected: Rates) -> None:
    assert rates(sample({CPU: 0, RX: 7}, at=0), now) == expected


@pytest.mark.parametrize(
    ("counter", "old", "new", "elapsed_ns", "expected"),
    [
        pytest.param(CPU, 947_130_377_781, 948_071_062_732, 60_000_000_000, 15, id="15.678 is 15"),
        pytest.param("network/tx_errors", 0, 120, 60_000_000_000, 2.0, id="errors per second"),
        pytest.param(CPU, 5, 95_200_000_005, 59_500_000_000, 1600, id="millicores"),
        pytest.param(RX, 5, 123_461, 59_500_000_000, 2074.890756302521, id="bytes per second"),
        pytest.param("memory/page_faults", 5, 3_002, 59_500_000_000, 50.36974789915966, id="faults per second"),
        pytest.param(RX, 0, 98_419, 59_123_456_789, 1664.6354145231744, id="to the last digit"),
        pytest.param("disk/io_read_bytes", 100, 160, 60_000_000_000, 1.0, id="reads of sda"),
        pytest.param("disk/io_read_bytes", 1000, 1300, 60_000_000_000, 5.0, id="reads of sdb"),
    ],
)
def test_worked_examples_of_rates(counter: str, old: int, new: int, elapsed_ns: int, expected: float) -> None:
    found = rates(sample({counter: old}, at=0), sample({counter: new}, at=elapsed_ns))
    assert found == Rates({f"{counter}_rate": expected})
    assert type(found.values[f"{counter}_rate"]) is type(expected)


def test_a_decreased_cpu_counter_has_no_rate_where_heapster_wrote_minus_15() -> None:
    found = rates(sample({CPU: 948_071_062_732}, at=0), sample({CPU: 947_130_377_781}))
    assert found == Rates({}, resets=(CPU,))


def test_each_counter_with_a_rate_in_the_catalogue_has_a_formula() -> None:
    before, now = sample(dict.fromkeys(RATED_COUNTERS, 0), at=0), sample(dict.fromkeys(RATED_COUNTERS, 60))
    found = rates(before, now).values
    assert found == {rate: 0 if rate == "cpu/usage_rate" else 1.0 for rate in RATED_COUNTERS.values()}
    assert {rate for rate, value in found.items() if isinstance(value, int)} == {"cpu/usage_rate"}


def test_samples_of_different_entities_are_rejected() -> None:
    with pytest.raises(ValueError, match="rates of 'node:n2' from 'node:n1'"):
        rates(sample({}, at=0), sample({}, key="node:n2"))


@given(base=st.integers(0, 2**63), growth=st.integers(0, 2**62), elapsed=st.integers(1, 10 * MINUTE))
def test_truncation_loses_less_than_one_millicore(base: int, growth: int, elapsed: int) -> None:
    found = rates(sample({CPU: base}, at=0), sample({CPU: base + growth}, at=elapsed))
    assert 0 <= 1000 * growth - found.values["cpu/usage_rate"] * elapsed < elapsed


counters = st.dictionaries(st.sampled_from(sorted(RATED_COUNTERS)), st.integers(0, 2**63 - 1))
starts = st.one_of(st.none(), st.integers(-2 * SECOND, 2 * SECOND))


@given(before=counters, now=counters, elapsed=st.integers(-MINUTE, MINUTE), old_start=starts, new_start=starts)
def test_rates_are_never_negative(
    before: dict[str, int], now: dict[str, int], elapsed: int, old_start: int | None, new_start: int | None
) -> None:
    found = rates(sample(before, at=0, start=old_start), sample(now, at=elapsed, start=new_start))
    assert all(value >= 0 for value in found.values.values())
    assert not {RATED_COUNTERS[counter] for counter in found.resets} & found.values.keys()
