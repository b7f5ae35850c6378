"""Long lists, produced a few entities at a time: never whole in memory, and without blocking other requests."""

from collections.abc import Iterable, Iterator
from itertools import islice


def enclosed(items: Iterable[str | None], *, begin: str, comma: str, end: str, empty: str) -> Iterator[str]:
    """Yield a list of all items, one piece per item; `empty` if there are none.

    None is an item to leave out. Its piece is empty, so that the caller can count the work done.
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
    """Join that many pieces at once, empty ones included."""
    left = iter(pieces)
    while few := list(islice(left, at_once)):
        yield "".join(few)
