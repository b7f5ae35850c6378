"""Kubernetes Status objects: how the API server says what went wrong."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import orjson
from aiohttp import web

_REASONS: Final[Mapping[int, str]] = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    405: "MethodNotAllowed",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}


def failure(code: int, message: str) -> bytes:
    """A Status object as it stands in a body or in an ERROR event."""
    reason = _REASONS.get(code, HTTPStatus(code).phrase.replace(" ", ""))
    return orjson.dumps(
        {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "code": code,
        }
    )


def response(code: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """The same as a whole answer."""
    return web.Response(status=code, body=failure(code, message), content_type="application/json", headers=headers)


class RequestError(Exception):
    """A request that is answered with a Status."""

    def __init__(self, code: int, message: str) -> None:
        """With this HTTP status and message."""
        super().__init__(message)
        self.code = code
