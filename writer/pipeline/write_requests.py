"""Batches: the lines of many records as write requests, and a refused request narrowed down to its bad lines."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple, TypeAlias

MAX_POINTS: Final = 10_000  # of one request, as Heapster's
MAX_CHARACTERS: Final = 4 * 1024 * 1024  # of one request; InfluxDB takes 25 MB by default

_MEASUREMENT: Final = re.compile(r'on measurement "(?P<name>(?:[^"\\]|\\.)*)"')
_FIELDS: Final = re.compile(r"(.*?)(?<!\\) (.*) (.*)")  # a backslash before a space makes it part of a name
_COMMA: Final = re.compile(r"(?<!\\),")
_DROPPED: Final = re.compile(r"\bdropped=(?P<points>\d+)")
_EXPIRED: Final = re.compile(
    r"points beyond retention policy(?:.*dropped=(?P<in_1_x>\d+))?"
    r"|dropped (?P<in_2_x>\d+) points outside retention policy"
)


class RecordLines(NamedTuple):
    """Consecutive lines of one record, which they remember."""

    partition: int
    offset: int
    text: str  # every line with its end
    points: int  # how many lines

    @property
    def lines(self) -> tuple[str, ...]:
        """One by one, without their ends."""
        return tuple(self.text.split("\n")[:-1])

    def with_lines(self, lines: Sequence[str]) -> "RecordLines":
        """Other lines of the same record."""
        return self._replace(text="".join(f"{line}\n" for line in lines), points=len(lines))


Request: TypeAlias = tuple[RecordLines, ...]


def requests(
    pieces: Iterable[RecordLines], *, points: int = MAX_POINTS, characters: int = MAX_CHARACTERS
) -> list[Request]:
    """All lines in their order, in as few requests as the limits allow; a longer line has one of its own."""
    made: list[Request] = []
    begun: list[RecordLines] = []
    begun_points = begun_characters = 0
    for piece in filter(lambda each: each.points, pieces):
        for part in _bounded(piece, points, characters):
            length = len(part.text)
            if begun and (begun_points + part.points > points or begun_characters + length > characters):
                made.append(tuple(begun))
                begun, begun_points, begun_characters = [], 0, 0
            begun.append(part)
            begun_points += part.points
            begun_characters += length
    if begun:
        made.append(tuple(begun))
    return made


def body(request: Request) -> bytes:
    """What is sent: every line with its end."""
    return "".join(piece.text for piece in request).encode()


def size(request: Request) -> int:
    """How many lines it has."""
    return sum(piece.points for piece in request)


def without(request: Request, partitions: AbstractSet[int]) -> Request:
    """What is left when the records of some partitions are somebody else's."""
    if not partitions:
        return request
    return tuple(piece for piece in request if piece.partition not in partitions)


def expired(message: str) -> int | None:
    """How many points InfluxDB left out because retention would remove them at once; None if it says otherwise."""
    found = _EXPIRED.search(message)
    return None if found is None else int(found["in_1_x"] or found["in_2_x"] or 0)


def narrowed(request: Request, message: str, *, by_field: bool = True) -> tuple[Request, ...]:
    """Smaller requests to try one by one; none if every line of it is refused.

    InfluxDB 1.x names the measurement of a conflict and says how many points it dropped. Where that does not help,
    halves. A line is refused for one of its fields: the others are tried without it, unless `by_field` is False.
    """
    total = size(request)
    dropped = _DROPPED.search(message)
    if total <= 1 and not by_field:
        return ()
    if total <= 1 or (dropped and int(dropped["points"]) == total):
        apart = tuple(
            piece.with_lines([field for line in piece.lines for field in _by_field(line)]) for piece in request
        )
        return (apart,) if size(apart) > total else ()
    measurement = _MEASUREMENT.search(message)
    if measurement:
        parts = _by_measurement(request, measurement["name"])
        if len(parts) > 1:
            return parts
    return _halves(request, total)


def _bounded(piece: RecordLines, points: int, characters: int) -> Iterator[RecordLines]:
    """The piece, or consecutive parts of it where it exceeds the limits."""
    fits = piece.points <= points and len(piece.text) <= characters
    if fits or piece.points == 1:
        yield piece
        return
    lines = piece.lines
    middle = points if piece.points > points else piece.points // 2
    for part in (lines[:middle], lines[middle:]):
        yield from _bounded(piece.with_lines(part), points, characters)


def _by_field(line: str) -> list[str]:
    """A line for each of its fields."""
    parts = _FIELDS.fullmatch(line)
    if parts is None:
        return [line]
    series, fields, time = parts.groups()
    return [f"{series} {field} {time}" for field in _COMMA.split(fields)]


def _by_measurement(request: Request, measurement: str) -> tuple[Request, ...]:
    """Those of the measurement, then the others, without an empty one."""
    begin = measurement.replace(",", r"\,").replace(" ", r"\ ")
    begins = (f"{begin},", f"{begin} ")
    named = _chosen(request, lambda line: line.startswith(begins))
    others = _chosen(request, lambda line: not line.startswith(begins))
    return tuple(part for part in (named, others) if part)


def _chosen(request: Request, wanted: Callable[[str], bool]) -> Request:
    chosen = (piece.with_lines(list(filter(wanted, piece.lines))) for piece in request)
    return tuple(piece for piece in chosen if piece.points)


def _halves(request: Request, total: int) -> tuple[Request, Request]:
    first: list[RecordLines] = []
    second: list[RecordLines] = []
    room = total // 2
    for piece in request:
        taken, left = piece.lines[:room], piece.lines[room:]
        room -= len(taken)
        if taken:
            first.append(piece.with_lines(taken))
        if left:
            second.append(piece.with_lines(left))
    return tuple(first), tuple(second)
