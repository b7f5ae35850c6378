"""Compression of responses with gzip or deflate."""

import zlib
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_WINDOWS: Final = {"gzip": zlib.MAX_WBITS + 16, "deflate": zlib.MAX_WBITS}
_FASTEST: Final = 1
_SPOKEN_FOR: Final = frozenset({"content-encoding", "content-range"})  # compressed already, or a part of the content


def encoding_for(accepted: str) -> str | None:
    """Return the first supported encoding of an Accept-Encoding header, None for no compression."""
    for each in accepted.split(","):
        name, _, weight = each.partition(";")
        if name.strip().lower() in _WINDOWS and weight.replace(" ", "").rstrip("0.") not in {"q=", "q"}:
            return name.strip().lower()
    return None


class Compression:
    """Middleware that compresses responses; streamed ones piece by piece."""

    def __init__(self, app: ASGIApp) -> None:
        """Wrap `app`."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Compress the response if the client accepts it."""
        encoding = None
        if scope["type"] == "http":
            encoding = encoding_for(",".join(Headers(scope=scope).getlist("accept-encoding")))
        await self._app(scope, receive, send if encoding is None else _Compressed(send, encoding))


class _Compressed:
    """Sends one response compressed, unless it is compressed already, partial or empty."""

    def __init__(self, send: Send, encoding: str) -> None:
        self._send = send
        self._encoding = encoding
        self._compressor = zlib.compressobj(_FASTEST, zlib.DEFLATED, _WINDOWS[encoding])
        self._start: Message | None = None
        self._as_it_is = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message  # held back: the first body message decides on the headers
            return
        body, more = message.get("body", b""), message.get("more_body", False)
        if self._start is not None:
            start, self._start = self._start, None
            headers = Headers(raw=start["headers"])
            self._as_it_is = not (body or more) or not _SPOKEN_FOR.isdisjoint(headers.keys())
            if not self._as_it_is:
                body = self._packed(body, more=more)
                self._describe(MutableHeaders(raw=start["headers"]), None if more else len(body))
            await self._send(start)
        elif not self._as_it_is:
            body = self._packed(body, more=more)
        if body or not more:
            await self._send({**message, "body": body})

    def _packed(self, body: bytes, *, more: bool) -> bytes:
        packed = self._compressor.compress(body)
        return packed if more else packed + self._compressor.flush()

    def _describe(self, headers: MutableHeaders, length: int | None) -> None:
        headers["Content-Encoding"] = self._encoding
        headers.add_vary_header("Accept-Encoding")
        del headers[
            "Content-Length"
        ]  # the length before compression; after it, only a short response's length is known
        if length is not None:
            headers["Content-Length"] = str(length)
