"""Rates: how fast the counters of one entity grew between two samples.

cpu/usage (ns) becomes cpu/usage_rate (millicores, int); every other rate is a float per second. Source: Heapster's
rate calculator (docs/processing.md, 5), except that a counter that decreased is a reset, not a negative rate.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from schemas.catalogue import BY_NAME, RATED_COUNTERS, Number
from schemas.node_sample import EntitySample

START_TIME_TOLERANCE_NS: Final = 1_000_000_000
"""Some runtimes report a slightly different start time each time: a smaller difference is no restart."""


class Rates(NamedTuple):
    """Rates of one entity, and the counters that have none because they were reset."""

    values: Mapping[str, Number]  # by rate name
    resets: tuple[str, ...] = ()  # counters that decreased


def millicores(growth_ns: int, elapsed_ns: int) -> int:
    """CPU time per elapsed time, truncated as in Go: growth is never negative, so // truncates."""
    return 1000 * growth_ns // elapsed_ns


def per_second(growth: int, elapsed_ns: int) -> float:
    """Growth per second; multiplied first, then divided, to get Heapster's float64 bit for bit."""
    return 1e9 * growth / elapsed_ns


RATES: Final[Mapping[str, tuple[str, Callable[[int, int], Number]]]] = {
    counter: (rate, millicores if BY_NAME[rate].value == "int" else per_second)
    for counter, rate in RATED_COUNTERS.items()
}


def rates(previous: EntitySample, current: EntitySample) -> Rates:
    """Rates of `current` since `previous`, an earlier sample of the same entity.

    Empty if the kubelet has not sampled since, or the entity has restarted. A counter that is missing from one of the
    samples has no rate; an unchanged counter has the rate 0.

    Raises:
        ValueError: the samples are of different entities.
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
    """Whether the entity restarted: its start time moved by a second or more, or moved and a counter decreased."""
    if previous.start_ns == current.start_ns:
        return False
    if previous.start_ns is None or current.start_ns is None:
        return True
    if abs(current.start_ns - previous.start_ns) >= START_TIME_TOLERANCE_NS:
        return True
    before = previous.counters
    return any(counter in before and value < before[counter] for counter, value in current.counters.items())
