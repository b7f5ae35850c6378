"""Resources: what a container requests and may use at most, by its pod's spec (docs/processing.md, 6)."""

from collections.abc import Callable, Mapping
from typing import Final

from processor.problems import Problem, Problems
from processor.quantity import millicores, whole
from schemas.catalogue import MAX_INT, extended_request
from schemas.node_scrape import ApiContainer

Convert = Callable[[str], int]

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


def container_resources(container: ApiContainer, problems: Problems) -> dict[str, int]:
    """Requests and limits by metric name: 0 where the spec has none, absent where it cannot be read.

    Every other resource, as `nvidia.com/gpu`, has a request if it was requested, and never a limit.
    """
    values: dict[str, int] = {}
    for quantities, metrics in ((container.requests, REQUESTS), (container.limits, LIMITS)):
        for metric, (resource, convert) in metrics.items():
            amount = 0 if resource not in quantities else read_quantity(quantities[resource], convert, problems)
            if amount is not None:
                values[metric] = amount
    for resource, quantity in container.requests.items():
        if resource not in {CPU, MEMORY, EPHEMERAL_STORAGE}:
            amount = read_quantity(quantity, whole, problems)
            if amount is not None:
                values[extended_request(resource)] = amount
    return values


def read_quantity(quantity: str, convert: Convert, problems: Problems) -> int | None:
    """What a quantity comes to, None (and counted) if it cannot be read or does not fit 64 bits."""
    try:
        amount = convert(quantity)
    except ValueError:
        problems[Problem.UNREADABLE_QUANTITY] += 1
        return None
    if amount > MAX_INT:
        problems[Problem.PAST_64_BITS] += 1
        return None
    return amount
