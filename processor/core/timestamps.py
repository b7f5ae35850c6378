"""Timestamps of the kubelet's JSON, as nanoseconds since the epoch."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from schemas.catalogue import MAX_INT, MIN_INT

NS_PER_MS: Final = 1_000_000
NS_PER_S: Final = 1_000_000_000

_RFC3339: Final = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))", re.ASCII
)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_GO_ZERO_TIME_NS: Final = -62_135_596_800 * NS_PER_S  # the beginning of the year 1


@lru_cache(maxsize=8192)  # the containers of a document share a few timestamps
def parse_time_ns(text: str) -> int | None:
    """Nanoseconds of an RFC 3339 time; fraction digits after the ninth are dropped.

    None for Go's zero time, the beginning of the year 1: it means that there is no time.

    Raises:
        ValueError: not an RFC 3339 time, or out of the range of 64-bit nanoseconds.
    """
    match = _RFC3339.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not an RFC 3339 time")
    date_time, fraction, sign, hours, minutes = match.groups()
    since_epoch = datetime.fromisoformat(date_time).replace(tzinfo=UTC) - _EPOCH
    offset_s = 0 if sign is None else int(f"{sign}1") * (int(hours) * 3600 + int(minutes) * 60)
    seconds = since_epoch.days * 86_400 + since_epoch.seconds - offset_s
    time_ns = seconds * NS_PER_S + int((fraction or "0")[:9].ljust(9, "0"))
    if time_ns == _GO_ZERO_TIME_NS:
        return None
    if not MIN_INT <= time_ns <= MAX_INT:
        raise ValueError(f"{text!r} is too far from 1970")
    return time_ns


def whole_ms(duration_ns: int) -> int:
    """Whole milliseconds of a duration, truncated toward zero as in Go."""
    return duration_ns // NS_PER_MS if duration_ns >= 0 else -(-duration_ns // NS_PER_MS)
