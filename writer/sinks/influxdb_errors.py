"""Meaning of InfluxDB's HTTP error responses, of 1.x and 2.x."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

from runtime.errors import UnavailableError
from writer.sinks.sink import RefusedError

_UNAUTHORIZED: Final = 401
_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_TOO_LARGE: Final = 413
_UNPROCESSABLE: Final = 422
_LINES_REFUSED: Final = frozenset({400, _UNPROCESSABLE})  # 400 in both, 422 in 2.x for a field type conflict
_POLICY_MISSING: Final = "retention policy not found"  # 1.x, with status 500
_VERSION_HEADER: Final = "x-influxdb-version"
_ERROR_HEADERS: Final = ("x-influxdb-error", "x-influx-error")
_LONGEST_MESSAGE: Final = 500


class MissingError(UnavailableError):
    """The database, retention policy or bucket does not exist."""


class UnauthorizedError(UnavailableError):
    """The user, password or token is not accepted."""


class ForbiddenError(UnavailableError):
    """The user or token lacks the permission."""


def error_of(status: int, headers: Mapping[str, str], body: str, now: datetime) -> RefusedError | UnavailableError:
    """Error for an unsuccessful response: RefusedError if the lines are at fault, else UnavailableError to retry.

    A status 400 or 422 without an InfluxDB message comes from a proxy and is no refusal.
    """
    influxdb_message, message = _influxdb_message(headers, body), describe_response(status, headers, body)
    if status == _TOO_LARGE or (status in _LINES_REFUSED and influxdb_message is not None):
        return RefusedError(influxdb_message or message)
    if influxdb_message is not None and _POLICY_MISSING in influxdb_message:
        return MissingError(message)
    if status == _NOT_FOUND:
        known = _VERSION_HEADER in _lower(headers) or (influxdb_message is not None and "not found" in influxdb_message)
        return MissingError(message if known else f"{message} (is this an InfluxDB?)")
    if status == _UNAUTHORIZED:
        return UnauthorizedError(f"{message} (check user and pw, or the token)")
    if status == _FORBIDDEN:
        return ForbiddenError(f"{message} (the user or token may not do this)")
    return UnavailableError(message, retry_after_s=retry_after_s(_lower(headers).get("retry-after"), now))


def describe_response(status: int, headers: Mapping[str, str], body: str) -> str:
    """Status and message of an unsuccessful response, in one line."""
    return f"HTTP {status}: {_influxdb_message(headers, body) or _first_line(body) or 'no reason given'}"


def is_conflict(status: int, body: str) -> bool:
    """Whether the resource to create exists already; 2.x answers 422 then too."""
    return status == _UNPROCESSABLE and _document(body).get("code") == "conflict"


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds of a Retry-After header, which is a number or a date; None if missing or invalid."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        date = parsedate_to_datetime(text)
    except ValueError:
        return None
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max(0.0, (date - now).total_seconds())


def _influxdb_message(headers: Mapping[str, str], body: str) -> str | None:
    """InfluxDB's error message, None if the response has none and so is not InfluxDB's."""
    document = _document(body)
    for name in ("error", "message"):
        if isinstance(document.get(name), str):
            return str(document[name])
    lowered = _lower(headers)
    return next((lowered[name] for name in _ERROR_HEADERS if name in lowered), None)


def _document(body: str) -> dict[str, object]:
    """Parse a JSON object; empty if the body is not one."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _first_line(body: str) -> str:
    return body.strip().partition("\n")[0][:_LONGEST_MESSAGE]
