"""Which records a replay reads: from far enough before its first window to far enough behind its last."""

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
    """The windows to be written again, both bounds included; ends of windows in nanoseconds since the epoch.

    Raises ValueError: the first lies after the last.
    """

    from_ns: int
    to_ns: int

    def __post_init__(self) -> None:
        """Without any window there is nothing to ask Kafka for."""
        if self.from_ns > self.to_ns:
            raise ValueError(f"--from {time_text(self.from_ns)} lies after --to {time_text(self.to_ns)}")

    def read_from_ns(self, resolution_ns: int) -> int:
        """Records of windows from there on are read: the first window's rates begin in an earlier one."""
        return self.from_ns - KEPT_WINDOWS * resolution_ns

    def read_to_ns(self, resolution_ns: int) -> int:
        """Records of windows up to there are read: a late scrape may lie behind newer ones."""
        return self.to_ns + KEPT_WINDOWS * resolution_ns

    def __str__(self) -> str:
        """As people read it, and as a replay's topics say whose they are."""
        return f"{time_text(self.from_ns)} to {time_text(self.to_ns)}"

    @property
    def suffix(self) -> str:
        """Suffix of the replay's topics and groups, the same for all its workers."""
        return f"-replay-{_compact(self.from_ns)}-{_compact(self.to_ns)}"


def parse_time(text: str) -> int:
    """Nanoseconds of an RFC 3339 time such as 2026-01-01T00:00:00Z. Raises ValueError: it is none."""
    if not _FORM.fullmatch(text):
        raise ValueError(f"{text!r} is not a time like 2026-01-01T00:00:00Z")
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError) as error:  # the latter: in UTC it is before the year 1 or after 9999
        raise ValueError(f"{text!r} is not a time like 2026-01-01T00:00:00Z: {error}") from error
    return int(moment.timestamp()) * NS_PER_S


def time_text(time_ns: int) -> str:
    """RFC 3339, in UTC and whole seconds."""
    return datetime.fromtimestamp(time_ns // NS_PER_S, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class RetainedRange(NamedTuple):
    """What is kept of a partition: times of its first and its last record, and whether earlier ones were deleted."""

    first_ns: int
    last_ns: int
    truncated: bool


def rejection(time_range: TimeRange, kept: Collection[RetainedRange], topic: str) -> str | None:
    """Why the stretch cannot be replayed, None if it can. `kept`: of each partition that has any record."""
    if not kept:
        return f"the topic {topic} is empty: there is nothing to replay"
    oldest = min(each.first_ns for each in kept)
    newest = max(each.last_ns for each in kept)
    there = f"the topic {topic} has windows from {time_text(oldest)} to {time_text(newest)}"
    if time_range.from_ns < oldest:
        return f"--from {time_text(time_range.from_ns)} is older than what is kept: {there}"
    partly = newest_truncated_ns(kept)
    if partly is not None and time_range.from_ns <= partly:
        return (
            f"--from {time_text(time_range.from_ns)} is older than what is kept of every node: {there},"
            f" whole ones after {time_text(partly)}"
        )
    if time_range.from_ns > newest:
        return f"--from {time_text(time_range.from_ns)} lies behind the newest record: {there}"
    return None


def newest_truncated_ns(kept: Iterable[RetainedRange]) -> int | None:
    """The newest window of which a record may have been deleted; None if none has.

    Kafka deletes from the front of each partition: what lies before the first record that is left is not known, and
    may have been of the same window.
    """
    return max((each.first_ns for each in kept if each.truncated), default=None)


def _compact(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // NS_PER_S, UTC).strftime("%Y%m%dT%H%M%SZ")
