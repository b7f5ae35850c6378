"""Answers: what InfluxDB's HTTP answers mean, 1.x and 2.x alike."""

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
_LINES_REFUSED: Final = frozenset({400, _UNPROCESSABLE})  # 1.x and 2.x; 2.x has 422 for conflicting types
_POLICY_MISSING: Final = "retention policy not found"  # 1.x says so with a 500
_VERSION_HEADER: Final = "x-influxdb-version"
_ERROR_HEADERS: Final = ("x-influxdb-error", "x-influx-error")
_LONGEST_MESSAGE: Final = 500


class MissingError(UnavailableError):
    """The database, policy or bucket is not there (any more)."""


class UnauthorizedError(UnavailableError):
    """User, password or token are not accepted."""


class ForbiddenError(UnavailableError):
    """The user may not do this."""


def failure(status: int, headers: Mapping[str, str], body: str, now: datetime) -> RefusedError | UnavailableError:
    """What an answer other than success asks for: smaller or other lines, or another try later.

    Only InfluxDB's own word counts as a refusal of lines, not a 400 of some proxy on the way.
    """
    own_words, message = _own_words(headers, body), told(status, headers, body)
    if status == _TOO_LARGE or (status in _LINES_REFUSED and own_words is not None):
        return RefusedError(own_words or message)
    if own_words is not None and _POLICY_MISSING in own_words:
        return MissingError(message)
    if status == _NOT_FOUND:
        known = _VERSION_HEADER in _lower(headers) or (own_words is not None and "not found" in own_words)
        return MissingError(message if known else f"{message} (is this an InfluxDB?)")
    if status == _UNAUTHORIZED:
        return UnauthorizedError(f"{message} (check user and pw, or the token)")
    if status == _FORBIDDEN:
        return ForbiddenError(f"{message} (the user or token may not do this)")
    return UnavailableError(message, retry_after_s=retry_after_s(_lower(headers).get("retry-after"), now))


def told(status: int, headers: Mapping[str, str], body: str) -> str:
    """An answer other than success in a line."""
    return f"HTTP {status}: {_own_words(headers, body) or _first_line(body) or 'no reason given'}"


def is_conflict(status: int, body: str) -> bool:
    """Whether there is already what was to be created: 2.x has 422 for that too."""
    return status == _UNPROCESSABLE and _document(body).get("code") == "conflict"


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given as a number or as a date; None if it cannot be read."""
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


def _own_words(headers: Mapping[str, str], body: str) -> str | None:
    """InfluxDB's message, None if the answer is not InfluxDB's."""
    document = _document(body)
    for name in ("error", "message"):
        if isinstance(document.get(name), str):
            return str(document[name])
    given = _lower(headers)
    return next((given[name] for name in _ERROR_HEADERS if name in given), None)


def _document(body: str) -> dict[str, object]:
    """Empty if the answer is no JSON object."""
    try:
        document = json.loads(body)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _first_line(body: str) -> str:
    return body.strip().partition("\n")[0][:_LONGEST_MESSAGE]
