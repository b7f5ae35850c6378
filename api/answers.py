"""Answers: what every route answers with, and what it refuses."""

from collections.abc import Sequence
from typing import Final

from fastapi import Depends, HTTPException, Request
from starlette.responses import Response

_JSON: Final = frozenset({"*/*", "application/*", "application/json"})


def json_answer(text: str | bytes, status: int = 200) -> Response:
    """JSON that has been written already."""
    return Response(text, status, media_type="application/json")


def text_answer(text: str, status: int = 200) -> Response:
    """Plain text, as errors are."""
    return Response(text, status, media_type="text/plain; charset=utf-8")


def accepts_json(accept: str) -> bool:
    """Whether an Accept header takes JSON; an empty one takes everything."""
    kinds = [kind.strip() for kind in accept.split(",")] if accept.strip() else ["*/*"]
    return any(kind.partition(";")[0].strip().lower() in _JSON and not _refused(kind) for kind in kinds)


def _refused(kind: str) -> bool:
    parameters = [parameter.strip().lower() for parameter in kind.split(";")[1:]]
    return any(parameter.startswith("q=0") and not parameter.strip("q=0.") for parameter in parameters)


async def _json_only(request: Request) -> None:
    if not accepts_json(",".join(request.headers.getlist("accept"))):
        raise HTTPException(406, "406: Not Acceptable")


JSON_ONLY: Final = Depends(_json_only)
"""A route that has nothing but JSON to offer."""


def refusal(path: str, status: int, detail: str, roots: Sequence[str]) -> Response:
    """An error as Heapster words it: below one of the APIs, or anywhere else."""
    if status == 404 and detail == "Not Found":  # the router's own  # noqa: PLR2004
        known = any(path == root or path.startswith(f"{root}/") for root in roots)
        return text_answer("404: Page Not Found" if known else "404 page not found\n", status)
    if status == 405:  # noqa: PLR2004
        return text_answer("405: Method Not Allowed", status)
    return text_answer(detail, status)
