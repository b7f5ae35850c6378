"""Lists in pieces: `limit` and `continue` over one unchanging listing."""

import base64
import binascii
from collections import OrderedDict
from typing import Final, NamedTuple

from simulator.objects import Resource
from simulator.status import RequestError
from simulator.store import Listing

_KEPT_LISTINGS: Final = 16


class Page(NamedTuple):
    """A piece of a listing, how to ask for the next one ("" after the last), and how many objects follow."""

    listing: Listing
    continued: str
    remaining: int


class Pages:
    """Listings that somebody is in the middle of reading; the oldest is dropped for a new one."""

    def __init__(self) -> None:
        """None yet."""
        self._open: OrderedDict[tuple[Resource, int], Listing] = OrderedDict()

    def first(self, resource: Resource, listing: Listing, limit: int) -> Page:
        """The first `limit` objects; all of them if it is 0."""
        if limit and limit < len(listing.bodies):
            self._open[resource, listing.version] = listing
            while len(self._open) > _KEPT_LISTINGS:
                self._open.popitem(last=False)
        return _page(listing, 0, limit)

    def next(self, resource: Resource, continued: str, limit: int) -> Page:
        """The piece that `continued` asks for. Raises RequestError: 400 not one of ours, 410 dropped by now."""
        version, start = _token(continued)
        listing = self._open.get((resource, version))
        if listing is None:
            raise RequestError(
                410, "The provided continue parameter is too old to display a consistent list result. List again."
            )
        return _page(listing, start, limit)

    def expire(self) -> None:
        """Drop them all: every `continue` handed out is gone."""
        self._open.clear()


def _page(listing: Listing, start: int, limit: int) -> Page:
    end = start + limit if limit else len(listing.bodies)
    remaining = max(len(listing.bodies) - end, 0)
    continued = base64.urlsafe_b64encode(f"{listing.version}:{end}".encode()).decode() if remaining else ""
    return Page(Listing(listing.version, listing.bodies[start:end]), continued, remaining)


def _token(continued: str) -> tuple[int, int]:
    try:
        version, start = base64.urlsafe_b64decode(continued).decode().split(":")
        return int(version), int(start)
    except (binascii.Error, ValueError) as error:
        raise RequestError(400, "continue key is not valid") from error
