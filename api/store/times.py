"""RFC 3339 times in requests and responses, parsed as Go parses them, with Go's error messages."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000
NO_TIME: Final = "0001-01-01T00:00:00Z"
_LAYOUT: Final = "2006-01-02T15:04:05Z07:00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PARTS: Final = tuple(
    (name, re.compile(pattern, re.ASCII))
    for name, pattern in (
        ("2006", r"\d{4}"),
        ("-", "-"),
        ("01", r"\d\d"),
        ("-", "-"),
        ("02", r"\d\d"),
        ("T", "T"),
        ("15", r"\d\d"),
        (":", ":"),
        ("04", r"\d\d"),
        (":", ":"),
        ("05", r"\d\d(?:[.,]\d+)?"),
        ("Z07:00", r"Z|[+-]\d\d:\d\d"),
    )
)
_RANGES: Final = {"01": ("month", 1, 12), "15": ("hour", 0, 23), "04": ("minute", 0, 59), "05": ("second", 0, 59)}


@lru_cache(maxsize=4096)
def time_text(time_ns: int) -> str:
    """Format as `2017-08-13T10:51:00Z`, with a fraction only if there is one."""
    seconds, fraction_ns = divmod(time_ns, NS_PER_S)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{fraction_ns:09}".rstrip("0") + "Z" if fraction_ns else text + "Z"


def parse_time_ns(text: str) -> int:
    """Parse to nanoseconds since the epoch. Raises ValueError with Go's message."""
    found: dict[str, str] = {}
    rest = text
    for name, pattern in _PARTS:
        match = pattern.match(rest)
        if match is None:
            raise ValueError(f'parsing time "{text}" as "{_LAYOUT}": cannot parse "{rest}" as "{name}"')
        found[name] = match[0]
        rest = rest[match.end() :]
        if name in _RANGES:
            unit, least, most = _RANGES[name]
            if not least <= int(match[0][:2]) <= most:
                raise ValueError(f'parsing time "{text}": {unit} out of range')
    if rest:
        raise ValueError(f'parsing time "{text}": extra text: "{rest}"')
    return _time_ns(text, found)


def _time_ns(text: str, found: dict[str, str]) -> int:
    whole, _, fraction = found["05"].replace(",", ".").partition(".")
    try:
        local = datetime(
            int(found["2006"]), int(found["01"]), int(found["02"]), int(found["15"]), int(found["04"]), int(whole),
            tzinfo=UTC,
        )  # fmt: skip
    except ValueError as error:
        raise ValueError(f'parsing time "{text}": day out of range') from error
    zone = found["Z07:00"]
    offset_s = 0 if zone == "Z" else int(f"{zone[0]}1") * (int(zone[1:3]) * 3600 + int(zone[4:]) * 60)
    since = local - _EPOCH
    return (since.days * 86_400 + since.seconds - offset_s) * NS_PER_S + int(fraction[:9].ljust(9, "0") or 0)
