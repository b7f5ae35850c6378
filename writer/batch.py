"""Batches: the lines of many records as write requests, and a refused request narrowed down to its bad lines."""

import re
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Set as AbstractSet
from typing import Final, NamedTuple, TypeAlias

MAX_POINTS: Final = 10_000  # of one request, as Heapster's
MAX_CHARACTERS: Final = 4 * 1024 * 1024  # of one request; InfluxDB takes 25 MB by default

_MEASUREMENT: Final = re.compile(r'on measurement "(?P<name>(?:[^"\\]|\\.)*)"')
_DROPPED: Final = re.compile(r"\bdropped=(?P<points>\d+)")
_EXPIRED: Final = re.compile(
    r"points beyond retention policy(?:.*dropped=(?P<in_1_x>\d+))?"
    r"|dropped (?P<in_2_x>\d+) points outside retention policy"
)


class Piece(NamedTuple):
    """Consecutive lines of one record, which they remember."""

    partition: int
    offset: int
    lines: tuple[str, ...]


Request: TypeAlias = tuple[Piece, ...]


def requests(pieces: Iterable[Piece], *, points: int = MAX_POINTS, characters: int = MAX_CHARACTERS) -> list[Request]:
    """All lines in their order, in as few requests as the limits allow; a longer line has one of its own."""
    made: list[Request] = []
    begun: list[Piece] = []
    begun_points = begun_characters = 0
    for piece in filter(lambda each: each.lines, pieces):
        for part in _bounded(piece, points, characters):
            length = _characters(part)
            if begun and (begun_points + len(part.lines) > points or begun_characters + length > characters):
                made.append(tuple(begun))
                begun, begun_points, begun_characters = [], 0, 0
            begun.append(part)
            begun_points += len(part.lines)
            begun_characters += length
    if begun:
        made.append(tuple(begun))
    return made


def body(request: Request) -> bytes:
    """What is sent: every line with its end."""
    return "".join(f"{line}\n" for piece in request for line in piece.lines).encode()


def size(request: Request) -> int:
    """How many lines it has."""
    return sum(len(piece.lines) for piece in request)


def without(request: Request, partitions: AbstractSet[int]) -> Request:
    """What is left when the records of some partitions are somebody else's."""
    if not partitions:
        return request
    return tuple(piece for piece in request if piece.partition not in partitions)


def expired(message: str) -> int | None:
    """How many points InfluxDB left out because retention would remove them at once; None if it says otherwise."""
    found = _EXPIRED.search(message)
    return None if found is None else int(found["in_1_x"] or found["in_2_x"] or 0)


def narrowed(request: Request, message: str) -> tuple[Request, ...]:
    """Smaller requests to try one by one; none if every line of it is refused.

    InfluxDB 1.x names the measurement of a conflict and says how many points it dropped. Where that does not help,
    halves.
    """
    total = size(request)
    dropped = _DROPPED.search(message)
    if total <= 1 or (dropped and int(dropped["points"]) == total):
        return ()
    measurement = _MEASUREMENT.search(message)
    if measurement:
        parts = _by_measurement(request, measurement["name"])
        if len(parts) > 1:
            return parts
    return _halves(request, total)


def _bounded(piece: Piece, points: int, characters: int) -> Iterator[Piece]:
    """The piece, or consecutive parts of it where it exceeds the limits."""
    fits = len(piece.lines) <= points and _characters(piece) <= characters
    if fits or len(piece.lines) == 1:
        yield piece
        return
    middle = points if len(piece.lines) > points else len(piece.lines) // 2
    for part in (piece.lines[:middle], piece.lines[middle:]):
        yield from _bounded(piece._replace(lines=part), points, characters)


def _characters(piece: Piece) -> int:
    return sum(map(len, piece.lines)) + len(piece.lines)


def _by_measurement(request: Request, measurement: str) -> tuple[Request, ...]:
    """Those of the measurement, then the others, without an empty one."""
    begin = measurement.replace(",", r"\,").replace(" ", r"\ ")
    begins = (f"{begin},", f"{begin} ")
    named = _chosen(request, lambda line: line.startswith(begins))
    others = _chosen(request, lambda line: not line.startswith(begins))
    return tuple(part for part in (named, others) if part)


def _chosen(request: Request, wanted: Callable[[str], bool]) -> Request:
    chosen = (piece._replace(lines=tuple(filter(wanted, piece.lines))) for piece in request)
    return tuple(piece for piece in chosen if piece.lines)


def _halves(request: Request, total: int) -> tuple[Request, Request]:
    first: list[Piece] = []
    second: list[Piece] = []
    room = total // 2
    for piece in request:
        taken, left = piece.lines[:room], piece.lines[room:]
        room -= len(taken)
        if taken:
            first.append(piece._replace(lines=taken))
        if left:
            second.append(piece._replace(lines=left))
    return tuple(first), tuple(second)
