"""Resources: the requests and limits of a container in its pod's spec (docs/processing.md, 6)."""

from collections import Counter
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final, TypeAlias

from processor.core.problems import Problem, Problems
from processor.core.quantity import millicores, whole
from schemas.catalogue import MAX_INT, extended_request
from schemas.node_scrape import ApiContainer

Convert: TypeAlias = Callable[[str], int]
Quantities: TypeAlias = tuple[tuple[str, str], ...]

_CACHED_SPECS: Final = 8192  # the pods of a cluster share few distinct specs

CPU: Final = "cpu"
MEMORY: Final = "memory"
EPHEMERAL_STORAGE: Final = "ephemeral-storage"

REQUESTS: Final[Mapping[str, tuple[str, Convert]]] = {
    "cpu/request": (CPU, millicores),
    "memory/request": (MEMORY, whole),
    "ephemeral_storage/request": (EPHEMERAL_STORAGE, whole),
}
LIMITS: Final[Mapping[str, tuple[str, Convert]]] = {
    "cpu/limit": (CPU, millicores),
    "memory/limit": (MEMORY, whole),
    "ephemeral_storage/limit": (EPHEMERAL_STORAGE, whole),
}


def container_resources(container: ApiContainer, problems: Problems) -> Mapping[str, int]:
    """Requests and limits by metric name: 0 if the spec has none, absent if the quantity cannot be read.

    Any other resource, such as `nvidia.com/gpu`, has a request metric if the spec requests it, and no limit metric.
    """
    values, found = _resources(tuple(container.requests.items()), tuple(container.limits.items()))
    if found:
        problems.update(found)
    return values


@lru_cache(maxsize=_CACHED_SPECS)
def _resources(requests: Quantities, limits: Quantities) -> tuple[Mapping[str, int], Mapping[str, int]]:
    """Values by metric, and problems found."""
    values: dict[str, int] = {}
    problems: Problems = Counter()
    for quantities, metrics in ((dict(requests), REQUESTS), (dict(limits), LIMITS)):
        for metric, (resource, convert) in metrics.items():
            amount = 0 if resource not in quantities else read_quantity(quantities[resource], convert, problems)
            if amount is not None:
                values[metric] = amount
    for resource, quantity in requests:
        if resource not in {CPU, MEMORY, EPHEMERAL_STORAGE}:
            amount = read_quantity(quantity, whole, problems)
            if amount is not None:
                values[extended_request(resource)] = amount
    return values, problems


def read_quantity(quantity: str, convert: Convert, problems: Problems) -> int | None:
    """The converted quantity; None, and a problem counted, if it cannot be read or does not fit in 64 bits."""
    try:
        amount = convert(quantity)
    except ValueError:
        problems[Problem.UNREADABLE_QUANTITY] += 1
        return None
    if amount > MAX_INT:
        problems[Problem.PAST_64_BITS] += 1
        return None
    return amount
