"""Pieces: long lists written a few entities at a time, so that they are never whole in memory and never in the way."""

from collections.abc import Iterable, Iterator
from itertools import islice


def enclosed(items: Iterable[str | None], *, begin: str, comma: str, end: str, empty: str) -> Iterator[str]:
    """A list of all items, a piece for each; `empty` if there are none.

    None is one that is left out. Its piece is empty, so that who counts pieces knows how much has been looked at.
    """
    before = begin
    for item in items:
        if item is None:
            yield ""
        else:
            yield before + item
            before = comma
    yield empty if before is begin else end


def joined(pieces: Iterable[str], at_once: int) -> Iterator[str]:
    """So many at once, the empty ones counted too."""
    left = iter(pieces)
    while few := list(islice(left, at_once)):
        yield "".join(few)
