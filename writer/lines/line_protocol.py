"""Escaping and number formats of InfluxDB line protocol, and the problems that lines can have."""

import math
from collections import Counter
from decimal import Decimal
from typing import Final, Literal, TypeAlias

from schemas.catalogue import Number

Problem: TypeAlias = Literal["not_finite", "series_key_too_long", "trailing_backslash", "line_break"]
Problems: TypeAlias = Counter[Problem]

NOT_FINITE: Final = "not_finite"  # NaN and infinity: the value is omitted
SERIES_KEY_TOO_LONG: Final = "series_key_too_long"  # the value is omitted
TRAILING_BACKSLASH: Final = "trailing_backslash"  # removed: it would escape the delimiter after the name or value
LINE_BREAK: Final = "line_break"  # replaced by a space: it would end the line

MAX_SERIES_KEY_BYTES: Final = 65535


def format_number(value: Number) -> str:
    """Format a field value: `15i` for an int, the result of `format_float` for a float.

    Raises ValueError: the value is not finite.
    """
    return f"{value}i" if isinstance(value, int) else format_float(value)


def format_float(value: float) -> str:
    """Format the shortest exact decimal, without exponent and without `.0`. Raises ValueError: not finite."""
    if not math.isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    shortest = repr(value)
    if "e" in shortest:
        return format(Decimal(shortest), "f")
    return shortest.removesuffix(".0")


def escape(text: str) -> str:
    """Escape a tag key, a tag value or a field key (whose quotes need escaping too)."""
    return text.replace(",", r"\,").replace("=", r"\=").replace(" ", r"\ ")


def sanitize(text: str, problems: Problems) -> str:
    """Replace line breaks and remove trailing backslashes, which cannot be escaped; count both in `problems`."""
    if "\n" in text:
        problems[LINE_BREAK] += 1
        text = text.replace("\n", " ")
    if text.endswith("\\"):
        problems[TRAILING_BACKSLASH] += 1
        text = text.rstrip("\\")
    return text
