"""Rates: how fast the counters of one entity grew between two samples.

cpu/usage (ns) becomes cpu/usage_rate (millicores, int); every other counter a float per second. Source: Heapster's
rate calculator (docs/processing.md, 5), but a counter that ran backwards is a reset, not a negative rate.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from schemas.catalogue import BY_NAME, RATED_COUNTERS, Number
from schemas.node_sample import EntitySample

SAME_RUN_NS: Final = 1_000_000_000
"""A start time that wanders by less than this is one start, told anew: some runtimes do."""


class Rates(NamedTuple):
    """Rates of one entity, and which counters have none because they were reset."""

    values: Mapping[str, Number]  # by rate name
    resets: tuple[str, ...] = ()  # counters that ran backwards


def millicores(growth_ns: int, elapsed_ns: int) -> int:
    """CPU time per time, truncated as in Go: growth is never negative, so // truncates."""
    return 1000 * growth_ns // elapsed_ns


def per_second(growth: int, elapsed_ns: int) -> float:
    """Multiplied first, then divided: bit for bit Heapster's float64."""
    return 1e9 * growth / elapsed_ns


RATES: Final[Mapping[str, tuple[str, Callable[[int, int], Number]]]] = {
    counter: (rate, millicores if BY_NAME[rate].value == "int" else per_second)
    for counter, rate in RATED_COUNTERS.items()
}


def rates(previous: EntitySample, current: EntitySample) -> Rates:
    """Rates of `current` since `previous`, an earlier sample of the same entity.

    None at all if the kubelet has not sampled since, or the entity has restarted. None
    for a counter missing from either side; zero for one that stood still.

    Raises:
        ValueError: they are samples of different entities.
    """
    if previous.key != current.key:
        raise ValueError(f"rates of {current.key!r} from {previous.key!r}")
    elapsed_ns = current.scrape_ns - previous.scrape_ns
    if elapsed_ns <= 0 or restarted(previous, current):
        return Rates({})
    values: dict[str, Number] = {}
    resets: list[str] = []
    before = previous.counters
    for counter, value in current.counters.items():
        if counter in before:
            growth = value - before[counter]
            if growth < 0:
                resets.append(counter)
            else:
                rate, formula = RATES[counter]
                values[rate] = formula(growth, elapsed_ns)
    return Rates(values, tuple(resets))


def restarted(previous: EntitySample, current: EntitySample) -> bool:
    """Whether it started anew in between: its start time moved, by a second or with a counter that fell."""
    if previous.start_ns == current.start_ns:
        return False
    if previous.start_ns is None or current.start_ns is None:
        return True
    if abs(current.start_ns - previous.start_ns) >= SAME_RUN_NS:
        return True
    before = previous.counters
    return any(counter in before and value < before[counter] for counter, value in current.counters.items())
