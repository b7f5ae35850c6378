"""Responses of all routes, and error responses."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Final

from fastapi import Depends, HTTPException, Request
from starlette.responses import Response, StreamingResponse

from api.http.pieces import joined

AT_ONCE: Final = 16  # entities of a list: about a millisecond of work
_JSON_TYPE: Final = "application/json"
_JSON: Final = frozenset({"*/*", "application/*", "application/json"})


def json_answer(text: str | bytes, status: int = 200) -> Response:
    """Return JSON that is already encoded."""
    return Response(text, status, media_type=_JSON_TYPE)


async def list_answer(pieces: Iterable[str]) -> Response:
    """Return JSON of any length, produced on the event loop a few pieces at a time: other requests run in between.

    A thread would block other requests for a millisecond again and again, and producing it at once for the whole time.
    A short list is sent at once, with its length.
    """
    parts = _making_way(joined(pieces, AT_ONCE))
    first, second = await anext(parts, ""), await anext(parts, None)
    if second is None:
        return json_answer(first)
    return StreamingResponse(_in_turn(first, second, parts), media_type=_JSON_TYPE)


async def _making_way(parts: Iterable[str]) -> AsyncIterator[str]:
    for part in parts:
        if part:
            yield part
        await asyncio.sleep(0)


async def _in_turn(first: str, second: str, others: AsyncIterator[str]) -> AsyncIterator[str]:
    yield first
    yield second
    async for part in others:
        yield part


def text_answer(text: str, status: int = 200) -> Response:
    """Return plain text, such as an error."""
    return Response(text, status, media_type="text/plain; charset=utf-8")


def accepts_json(accept: str) -> bool:
    """Tell whether an Accept header accepts JSON; an empty one accepts everything."""
    kinds = [kind.strip() for kind in accept.split(",")] if accept.strip() else ["*/*"]
    return any(kind.partition(";")[0].strip().lower() in _JSON and not _refused(kind) for kind in kinds)


def _refused(kind: str) -> bool:
    parameters = [parameter.strip().lower() for parameter in kind.split(";")[1:]]
    return any(parameter.startswith("q=0") and not parameter.strip("q=0.") for parameter in parameters)


async def _json_only(request: Request) -> None:
    if not accepts_json(",".join(request.headers.getlist("accept"))):
        raise HTTPException(406, "406: Not Acceptable")


JSON_ONLY: Final = Depends(_json_only)
"""Dependency of routes that can only answer with JSON."""


def refusal(path: str, status: int, detail: str, roots: Sequence[str]) -> Response:
    """Return an error in Heapster's words, which differ below the APIs and elsewhere."""
    if status == 404 and detail == "Not Found":  # the router's own  # raised by the router  # noqa: PLR2004
        known = any(path == root or path.startswith(f"{root}/") for root in roots)
        return text_answer("404: Page Not Found" if known else "404 page not found\n", status)
    if status == 405:  # noqa: PLR2004
        return text_answer("405: Method Not Allowed", status)
    return text_answer(detail, status)
