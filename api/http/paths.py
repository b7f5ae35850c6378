"""Paths are cleaned before routing, as Go's HTTP server does."""

import posixpath
from typing import Final
from urllib.parse import quote

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Receive, Scope, Send

_KEPT: Final = "/:,@!$&'()*+;=~"


class CleanPaths:
    """Redirects (301) `//` and dots to the cleaned path, ignores a trailing slash, and reads `%2F` as a slash."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Redirect, or pass the request on without the trailing slash."""
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
    """Remove empty segments and dots; keep a trailing slash."""
    if "//" not in path and "/." not in path and path.startswith("/"):
        return path
    cleaned = posixpath.normpath("/" + path.lstrip("/"))
    return cleaned + "/" if path.endswith("/") and cleaned != "/" else cleaned
