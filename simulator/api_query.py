"""What a list or watch asks for: the query of its URL, checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from simulator.selector import Selector
from simulator.status import RequestError

_TRUE: Final = frozenset({"true", "1"})
_FALSE: Final = frozenset({"false", "0", ""})
_REFUSED: Final = ("fieldSelector", "resourceVersionMatch", "sendInitialEvents")
_LONGEST_WATCH_S: Final = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiQuery:
    """The options of a list or watch. `since` is None where the newest will do; `limit` 0 is no limit."""

    watch: bool
    since: int | None
    bookmarks: bool
    timeout_s: int
    limit: int
    continued: str
    selector: Selector

    @classmethod
    def parse(cls, query: Mapping[str, str]) -> Self:
        """From the URL. Raises RequestError: a value that cannot be read, or a selection this server does not do."""
        for name in _REFUSED:
            if query.get(name):
                raise RequestError(400, f"the simulated API server does not know {name}: leave it out")
        version = _whole(query, "resourceVersion", 0)
        return cls(
            watch=_boolean(query, "watch"),
            since=version or None,
            bookmarks=_boolean(query, "allowWatchBookmarks"),
            timeout_s=_whole(query, "timeoutSeconds", _LONGEST_WATCH_S) or _LONGEST_WATCH_S,
            limit=_whole(query, "limit", 0),
            continued=query.get("continue", ""),
            selector=Selector.parse(query.get("labelSelector", "")),
        )


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, "")
    if not text:
        return default
    if not re.fullmatch(r"[0-9]{1,19}", text):
        raise RequestError(400, f"{name}: Invalid value: {text!r}: not a whole number")
    return int(text)


def _boolean(query: Mapping[str, str], name: str) -> bool:
    text = query.get(name, "").lower()
    if text not in _TRUE | _FALSE:
        raise RequestError(400, f"{name}: Invalid value: {text!r}: neither true nor false")
    return text in _TRUE
