"""Kubernetes quantities such as `500m` and `1.5Gi`, computed exactly and rounded up (docs/metrics.md, quantities)."""

import re
from fractions import Fraction
from functools import lru_cache
from typing import Final

from schemas.catalogue import MAX_INT

_QUANTITY: Final = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII)
_SUFFIXES: Final = {
    "n": Fraction(1, 10**9),
    "u": Fraction(1, 10**6),
    "m": Fraction(1, 10**3),
    **{suffix: Fraction(10 ** (3 * power)) for power, suffix in enumerate("kMGTPE", start=1)},
    **{f"{suffix}i": Fraction(2 ** (10 * power)) for power, suffix in enumerate("KMGTPE", start=1)},
}
_MAX_EXPONENT: Final = 1000  # far beyond the range of a quantity, and still quick to compute


@lru_cache(maxsize=8192)  # the pods of a cluster share few distinct quantities
def millicores(quantity: str) -> int:
    """A CPU quantity in millicores. Raises ValueError as `parse_quantity`."""
    return _rounded_up(1000 * parse_quantity(quantity))


@lru_cache(maxsize=8192)
def whole(quantity: str) -> int:
    """A quantity in whole units, such as bytes. Raises ValueError as `parse_quantity`."""
    return _rounded_up(parse_quantity(quantity))


def parse_quantity(quantity: str) -> Fraction:
    """The exact number of a quantity, at most 2^63 - 1, as in Kubernetes.

    Raises:
        ValueError: not a quantity, or negative.
    """
    match = _QUANTITY.fullmatch(quantity)
    if match is None:
        raise ValueError(f"{quantity!r} is not a Kubernetes quantity like 500m or 1.5Gi")
    sign, digits, exponent, suffix = match.groups()
    number = Fraction(digits if digits[-1] != "." else digits[:-1])
    if exponent:
        power = max(-_MAX_EXPONENT, min(_MAX_EXPONENT, int(exponent[1:])))
        number *= Fraction(10) ** power
    elif suffix:
        number *= _SUFFIXES[suffix]
    if sign == "-" and number:
        raise ValueError(f"{quantity!r} is negative")
    return min(number, Fraction(MAX_INT))


def _rounded_up(number: Fraction) -> int:
    return -(-number.numerator // number.denominator)
