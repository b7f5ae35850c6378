"""Write requests with the lines of many records, and splitting of refused requests down to the bad lines; pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple, TypeAlias

MAX_POINTS: Final = 10_000  # per request, Heapster's limit
MAX_CHARACTERS: Final = 4 * 1024 * 1024  # per request; InfluxDB accepts 25 MB by default

_MEASUREMENT: Final = re.compile(r'on measurement "(?P<name>(?:[^"\\]|\\.)*)"')
_FIELDS: Final = re.compile(r"(.*?)(?<!\\) (.*) (.*)")  # a space after a backslash is part of a name
_COMMA: Final = re.compile(r"(?<!\\),")
_DROPPED: Final = re.compile(r"\bdropped=(?P<points>\d+)")
_EXPIRED: Final = re.compile(
    r"points beyond retention policy(?:.*dropped=(?P<in_1_x>\d+))?"
    r"|dropped (?P<in_2_x>\d+) points outside retention policy"
)


class RecordLines(NamedTuple):
    """Consecutive lines of one record, with the record's partition and offset."""

    partition: int
    offset: int
    text: str  # the lines with their line breaks
    points: int  # number of lines

    @property
    def lines(self) -> tuple[str, ...]:
        """The lines without their line breaks."""
        return tuple(self.text.split("\n")[:-1])

    def with_lines(self, lines: Sequence[str]) -> "RecordLines":
        """Other lines of the same record."""
        return self._replace(text="".join(f"{line}\n" for line in lines), points=len(lines))


class Refusal(NamedTuple):
    """Lines that the sink refuses permanently, and its error message."""

    record_lines: RecordLines
    message: str


Request: TypeAlias = tuple[RecordLines, ...]


def requests(
    records: Iterable[RecordLines], *, points: int = MAX_POINTS, characters: int = MAX_CHARACTERS
) -> list[Request]:
    """Combine all lines, in order, into few requests within the limits; a line over the limit gets its own request."""
    finished: list[Request] = []
    current: list[RecordLines] = []
    current_points = current_characters = 0
    for record in filter(lambda each: each.points, records):
        for part in _within_limits(record, points, characters):
            length = len(part.text)
            if current and (current_points + part.points > points or current_characters + length > characters):
                finished.append(tuple(current))
                current, current_points, current_characters = [], 0, 0
            current.append(part)
            current_points += part.points
            current_characters += length
    if current:
        finished.append(tuple(current))
    return finished


def request_body(request: Request) -> bytes:
    """The lines of a request, each with its line break."""
    return "".join(record.text for record in request).encode()


def point_count(request: Request) -> int:
    """Number of lines in a request."""
    return sum(record.points for record in request)


def without_partitions(request: Request, partitions: AbstractSet[int]) -> Request:
    """The request without the lines of these partitions."""
    if not partitions:
        return request
    return tuple(record for record in request if record.partition not in partitions)


def expired_points(message: str) -> int | None:
    """Number of points that InfluxDB dropped as older than the retention; None if the message is about other errors."""
    found = _EXPIRED.search(message)
    return None if found is None else int(found["in_1_x"] or found["in_2_x"] or 0)


def split_refused(request: Request, message: str, *, by_field: bool = True) -> tuple[Request, ...]:
    """Split a refused request into smaller ones to try; empty if every line of it is refused.

    InfluxDB 1.x names the measurement of a conflict and the number of points dropped; without them, split in halves.
    InfluxDB refuses a line for one of its fields: unless `by_field` is False, each field is tried as its own line.
    """
    total = point_count(request)
    dropped = _DROPPED.search(message)
    if total <= 1 and not by_field:
        return ()
    if total <= 1 or (dropped and int(dropped["points"]) == total):
        by_fields = tuple(
            record.with_lines([part for line in record.lines for part in _line_per_field(line)]) for record in request
        )
        return (by_fields,) if point_count(by_fields) > total else ()
    measurement = _MEASUREMENT.search(message)
    if measurement:
        parts = _by_measurement(request, measurement["name"])
        if len(parts) > 1:
            return parts
    return _halves(request, total)


def _within_limits(record: RecordLines, points: int, characters: int) -> Iterator[RecordLines]:
    """Yield the lines of a record, split into consecutive parts where they exceed the limits."""
    fits = record.points <= points and len(record.text) <= characters
    if fits or record.points == 1:
        yield record
        return
    lines = record.lines
    middle = points if record.points > points else record.points // 2
    for part in (lines[:middle], lines[middle:]):
        yield from _within_limits(record.with_lines(part), points, characters)


def _line_per_field(line: str) -> list[str]:
    """Split a line into one line per field; a line that is not line protocol stays whole."""
    parts = _FIELDS.fullmatch(line)
    if parts is None:
        return [line]
    series, fields, time = parts.groups()
    return [f"{series} {field} {time}" for field in _COMMA.split(fields)]


def _by_measurement(request: Request, measurement: str) -> tuple[Request, ...]:
    """Lines of the measurement and other lines as two requests, without an empty one."""
    escaped = measurement.replace(",", r"\,").replace(" ", r"\ ")
    prefixes = (f"{escaped},", f"{escaped} ")
    matching = _filtered(request, lambda line: line.startswith(prefixes))
    others = _filtered(request, lambda line: not line.startswith(prefixes))
    return tuple(part for part in (matching, others) if part)


def _filtered(request: Request, predicate: Callable[[str], bool]) -> Request:
    filtered = (record.with_lines(list(filter(predicate, record.lines))) for record in request)
    return tuple(record for record in filtered if record.points)


def _halves(request: Request, total: int) -> tuple[Request, Request]:
    first: list[RecordLines] = []
    second: list[RecordLines] = []
    missing = total // 2  # lines still to go into the first half
    for record in request:
        head, tail = record.lines[:missing], record.lines[missing:]
        missing -= len(head)
        if head:
            first.append(record.with_lines(head))
        if tail:
            second.append(record.with_lines(tail))
    return tuple(first), tuple(second)
