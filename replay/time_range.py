"""The time range of a replay, and the records it needs from before and after the range."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NamedTuple

from processor.state.node_windows import KEPT_WINDOWS
from runtime.duration import NS_PER_S

_FORM: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})", re.ASCII)


@dataclass(frozen=True, slots=True)
class TimeRange:
    """First and last window to replay, both inclusive, as window ends in nanoseconds since the epoch.

    Raises ValueError: the first is after the last.
    """

    from_ns: int
    to_ns: int

    def __post_init__(self) -> None:
        """Check the order."""
        if self.from_ns > self.to_ns:
            raise ValueError(f"--from {time_text(self.from_ns)} is after --to {time_text(self.to_ns)}")

    def read_from_ns(self, resolution_ns: int) -> int:
        """End of the first window to read: the rates of the first window need earlier windows."""
        return self.from_ns - KEPT_WINDOWS * resolution_ns

    def read_to_ns(self, resolution_ns: int) -> int:
        """End of the last window to read: late scrapes can be stored after those of later windows."""
        return self.to_ns + KEPT_WINDOWS * resolution_ns

    def __str__(self) -> str:
        """The time range as text, in messages and in the record that claims the replay's topics."""
        return f"{time_text(self.from_ns)} to {time_text(self.to_ns)}"

    @property
    def suffix(self) -> str:
        """Suffix of the replay's topics and groups, the same for all its workers."""
        return f"-replay-{_compact(self.from_ns)}-{_compact(self.to_ns)}"


def parse_time(text: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time such as 2026-01-01T00:00:00Z. Raises ValueError: invalid."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not a time like 2026-01-01T00:00:00Z")
    try:
        time = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # OverflowError: in UTC the year is before 1 or after 9999
        raise ValueError(f"{text!r} is not a time like 2026-01-01T00:00:00Z: {error}") from error
    return int(time.timestamp()) * NS_PER_S


def time_text(time_ns: int) -> str:
    """RFC 3339 text of a time, in UTC and whole seconds."""
    return datetime.fromtimestamp(time_ns // NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class RetainedRange(NamedTuple):
    """Times of the first and last record of a partition, and whether earlier records were deleted."""

    first_ns: int
    last_ns: int
    truncated: bool


def rejection(time_range: TimeRange, kept: Collection[RetainedRange], topic: str) -> str | None:
    """Why the time range cannot be replayed, None if it can. `kept` has the range of each partition with records."""
    if not kept:
        return f"the topic {topic} is empty: there is nothing to replay"
    oldest = min(each.first_ns for each in kept)
    newest = max(each.last_ns for each in kept)
    available = f"the topic {topic} has windows from {time_text(oldest)} to {time_text(newest)}"
    if time_range.from_ns < oldest:
        return f"--from {time_text(time_range.from_ns)} is before the oldest record: {available}"
    truncated_ns = newest_truncated_ns(kept)
    if truncated_ns is not None and time_range.from_ns <= truncated_ns:
        return (
            f"--from {time_text(time_range.from_ns)} is before the oldest complete window: {available},"
            f" complete ones after {time_text(truncated_ns)}"
        )
    if time_range.from_ns > newest:
        return f"--from {time_text(time_range.from_ns)} is after the newest record: {available}"
    return None


def newest_truncated_ns(kept: Iterable[RetainedRange]) -> int | None:
    """End of the newest window of which a record may have been deleted; None if no records were deleted.

    Kafka deletes the oldest records of each partition. The last deleted one may belong to the window of the first one
    that is left.
    """
    return max((each.first_ns for each in kept if each.truncated), default=None)


def _compact(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // NS_PER_S, UTC).strftime("%Y%m%dT%H%M%SZ")
