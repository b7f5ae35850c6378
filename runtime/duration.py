"""Parse durations: Go's `1m30s` on the command line, InfluxQL's `7d` for retention."""

import re
from decimal import Decimal
from typing import Final

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000

_GO_UNITS_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": NS_PER_MS,
    "s": NS_PER_S,
    "m": 60 * NS_PER_S,
    "h": 3600 * NS_PER_S,
}
_INFLUX_UNITS_NS: Final = {**_GO_UNITS_NS, "u": 1_000, "d": 86_400 * NS_PER_S, "w": 604_800 * NS_PER_S}


def go_duration_ns(text: str) -> int:
    """Nanoseconds of a Go duration such as `60s`, `1m30s` or `1.5h`. Raises ValueError: invalid or negative."""
    if text == "0":
        return 0
    return _sum_of_parts(text, _GO_UNITS_NS, "a duration like 60s, 1m30s or 500ms")


def influx_duration_ns(text: str) -> int:
    """Nanoseconds of an InfluxQL duration such as `4h` or `7d`; 0 for `0` and `INF`, which mean no limit.

    Raises ValueError: invalid.
    """
    if text in {"0", "0s"} or text.upper() == "INF":
        return 0
    return _sum_of_parts(text, _INFLUX_UNITS_NS, "a duration like 4h or 7d, or INF for no limit")


def _sum_of_parts(text: str, units_ns: dict[str, int], form: str) -> int:
    names = "|".join(sorted(units_ns, key=len, reverse=True))
    part = rf"(\d+\.?\d*|\.\d+)({names})"
    if not re.fullmatch(f"(?:{part})+", text, re.ASCII):
        raise ValueError(f"{text!r} is not {form}")
    return int(sum(Decimal(number) * units_ns[unit] for number, unit in re.findall(part, text, re.ASCII)))
