"""Paths: cleaned before they are routed, as Go's server did."""

import posixpath
from typing import Final
from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_KEPT: Final = "/:,@!$&'()*+;=~"


class CleanPaths:
    """`//` and dots lead to the cleaned path (301); a slash at the end means nothing; `%2F` is a slash."""

    def __init__(self, app: ASGIApp) -> None:
        """In front of `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect, or hand on without the slash at the end."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        cleaned = cleaned_path(path)
        if cleaned != path:
            query = scope["query_string"].decode("latin-1")
            target = quote(cleaned, safe=_KEPT) + (f"?{query}" if query else "")
            await RedirectResponse(target, status_code=301)(scope, receive, send)
            return
        if len(path) > 1 and path.endswith("/"):
            scope = {**scope, "path": path.rstrip("/")}
        await self._app(scope, receive, send)


def cleaned_path(path: str) -> str:
    """Without empty parts and dots; a slash at the end stays."""
    if "//" not in path and "/." not in path and path.startswith("/"):
        return path
    cleaned = posixpath.normpath("/" + path.lstrip("/"))
    return cleaned + "/" if path.endswith("/") and cleaned != "/" else cleaned
