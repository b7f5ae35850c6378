"""Compression: answers as gzip or deflate, for who takes them."""

import zlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_WINDOWS: Final = {"gzip": zlib.MAX_WBITS + 16, "deflate": zlib.MAX_WBITS}
_FASTEST: Final = 1


def encoding_for(accepted: str) -> str | None:
    """The first encoding in an Accept-Encoding header that is ours; None: as it is."""
    for each in accepted.split(","):
        name, _, weight = each.partition(";")
        if name.strip().lower() in _WINDOWS and weight.replace(" ", "").rstrip("0.") not in {"q=", "q"}:
            return name.strip().lower()
    return None


def compressed(body: bytes, encoding: str) -> bytes:
    """The body in that encoding."""
    compressor = zlib.compressobj(_FASTEST, zlib.DEFLATED, _WINDOWS[encoding])
    return compressor.compress(body) + compressor.flush()


class Compression:
    """Compresses answers that come in one piece, as all of ours do."""

    def __init__(self, app: ASGIApp) -> None:
        """In front of `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compress what is sent, if that is asked for."""
        encoding = None
        if scope["type"] == "http":
            encoding = encoding_for(",".join(Headers(scope=scope).getlist("accept-encoding")))
        if encoding is None:
            await self._app(scope, receive, send)
            return
        start: Message | None = None

        async def send_compressed(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if start is not None:
                whole = message.get("body") and not message.get("more_body")
                if whole and "content-encoding" not in Headers(raw=start["headers"]):
                    message = {**message, "body": compressed(message["body"], encoding)}
                    headers = MutableHeaders(raw=start["headers"])
                    headers["Content-Encoding"] = encoding
                    headers["Content-Length"] = str(len(message["body"]))
                    headers.add_vary_header("Accept-Encoding")
                await send(start)
                start = None
            await send(message)

        await self._app(scope, receive, send_compressed)
