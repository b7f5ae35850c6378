"""The line protocol's words: what is escaped, what cannot be written at all and is mended or left out, and counted."""

import math
from collections import Counter
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from schemas.catalogue import Number

Problem: TypeAlias = Literal["not_finite", "series_key_too_long", "trailing_backslash", "line_break"]
Problems: TypeAlias = Counter[Problem]

NOT_FINITE: Final = "not_finite"  # NaN and infinity: the value is left out
SERIES_KEY_TOO_LONG: Final = "series_key_too_long"  # the value is left out
TRAILING_BACKSLASH: Final = "trailing_backslash"  # left out: it would swallow what ends the name or value
LINE_BREAK: Final = "line_break"  # written as a space: it would end the line

MAX_SERIES_KEY_BYTES: Final = 65535


def number(value: Number) -> str:
    """As InfluxDB reads it back: `15i`, or the shortest decimal without exponent, whole ones without `.0`.

    Raises ValueError: not a finite number.
    """
    return f"{value}i" if isinstance(value, int) else real(value)


def real(value: float) -> str:
    """The shortest decimal without exponent, whole ones without `.0`. Raises ValueError: not a finite number."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    shortest = repr(value)
    if "e" in shortest:
        return format(Decimal(shortest), "f")
    return shortest.removesuffix(".0")


def escaped(text: str) -> str:
    """A tag's name or value, or a field's name but for its quotes."""
    return text.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


def cleaned(text: str, problems: Problems) -> str:
    """Without what would end the line, or swallow what follows."""
    if "\n" in text:
        problems[LINE_BREAK] += 1
        text = text.replace("\n", " ")
    if text.endswith("\\"):
        problems[TRAILING_BACKSLASH] += 1
        text = text.rstrip("\\")
    return text
