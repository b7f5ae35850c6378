"""Requests to the Kubernetes API about one resource: its list, in pages, and its watch, line by line."""

from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlencode

import orjson
import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from runtime.error_reason import reason
from scraper import telemetry
from scraper.cluster.login import Login
from scraper.cluster.objects import Json
from scraper.cluster.wire_types import WIRE_TYPES, WireType

PAGE: Final = 500
WATCH_S: Final = 120
"""The server ends a watch after so long: a connection that went dead goes unnoticed not much longer than that."""

GRACE_S: Final = 15.0
"""How much longer than that a watch may be silent before the connection counts as dead."""

_CONNECT_S: Final = 10.0
_READ_S: Final = 60.0
_CHUNK_BYTES: Final = 65536
_SHOWN_BYTES: Final = 300
_READ_BYTES: Final = 4096  # of a refusal
_LONGEST_RETRY_AFTER_S: Final = 60
_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _GONE = 200, 400, 401, 403, 410


class ApiError(Exception):
    """The API server does not answer, or not well; it may later, not before `retry_after_s`."""

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float = 0.0) -> None:
        """`status` is HTTP's, None: there was no answer."""
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class RelistError(Exception):
    """The list or watch cannot go on from where it is: everything is to be listed again."""


class ApiResource:
    """Nodes, pods or namespaces of a cluster: all of them, or those that a label selector chooses."""

    def __init__(self, login: Login, name: str, *, selector: str = "") -> None:
        """`name` is the plural."""
        self.name = name
        self._shape = WIRE_TYPES[name]
        self._login = login
        self._selection = {"labelSelector": selector} if selector else {}
        self._configuration: client.Configuration | None = None
        self._client: client.ApiClient

    def list(self, take: Callable[[Json], None], *, longest_s: float = _READ_S) -> str:
        """Hand each object to `take`, and nothing of a page is kept; the version that the list is of.

        `longest_s` is how long the server may say nothing. Raises ApiError, or RelistError: the rest cannot be had
        any more.
        """
        continued = ""
        while True:
            page = self._page({"limit": str(PAGE), **({"continue": continued} if continued else {})}, longest_s)
            for item in page.get("items") or ():
                take(item)
            metadata = page.get("metadata") or {}
            del page
            continued = str(metadata.get("continue") or "")
            if not continued:
                return str(metadata.get("resourceVersion") or "")

    def first_version(self, *, longest_s: float) -> str:
        """The version of a list that nothing is read of. Raises as `list`."""
        return str((self._page({"limit": "1"}, longest_s).get("metadata") or {}).get("resourceVersion") or "")

    def watch(self, version: str, *, longest_s: int | None = None) -> "EventStream":
        """What happens after that version. Raises ApiError, or RelistError: the version is too old."""
        longest_s = WATCH_S if longest_s is None else longest_s
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(longest_s),
        }
        return EventStream(self._ask(query, read_s=longest_s + GRACE_S), self._shape)

    def _page(self, query: Mapping[str, str], longest_s: float) -> Json:
        try:
            answer = self._ask(query, read_s=longest_s)
            page = self._shape.page(answer.read())
            answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(reason(error)) from error
        except ValueError as error:
            raise ApiError(f"the list of {self.name} is none: {error}") from error
        return page

    def _ask(self, query: Mapping[str, str], *, read_s: float) -> urllib3.BaseHTTPResponse:
        telemetry.requests.labels(self.name, "watch" if "watch" in query else "list").inc()
        connection = self._connection()
        url = f"{connection.configuration.host}/api/v1/{self.name}?{urlencode({**query, **self._selection})}"
        headers = {"Accept": "application/json", "User-Agent": "heapster-stream", **self._login.authorization(url)}
        try:
            answer: urllib3.BaseHTTPResponse = connection.call_api(
                "GET", url, headers, _request_timeout=(min(_CONNECT_S, read_s), read_s)
            ).response
            if answer.status == _OK:
                return answer
            body = answer.read(_READ_BYTES)
            answer.close()
        except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, ApiException):  # what the client makes of a TLS handshake that failed
                self._login.refused()
            raise ApiError(f"{connection.configuration.host}: {reason(error)}") from error
        raise self._failure(answer, body, watching="watch" in query)

    def _connection(self) -> client.ApiClient:
        """One for each state of the credentials, so that a certificate or CA that was replaced is used."""
        configuration = self._login.configuration
        if configuration is not self._configuration:
            self._configuration = configuration
            self._client = client.ApiClient(configuration)
        return self._client

    def _failure(self, answer: urllib3.BaseHTTPResponse, body: bytes, *, watching: bool) -> ApiError | RelistError:
        if answer.status == _GONE or (answer.status == _BAD_REQUEST and watching):
            return RelistError(_message(body))
        if answer.status == _UNAUTHORIZED:
            self._login.refused()
        message = _refusal(self.name, answer.status, body)
        return ApiError(message, status=answer.status, retry_after_s=_retry_after_s(answer.headers.get("Retry-After")))


class EventStream:
    """A watch under way; to be closed."""

    def __init__(self, answer: urllib3.BaseHTTPResponse, shape: WireType) -> None:
        """Of an answer that has begun."""
        self._answer = answer
        self._shape = shape

    def events(self) -> Iterator[Json]:
        """Each event as it comes. Raises ApiError: the connection broke. RelistError: nonsense came."""
        rest = b""
        try:
            for chunk in self._answer.stream(_CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (self._shape.event(line) for line in lines if line)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(reason(error)) from error
        except ValueError as error:
            raise RelistError(f"an event that is none: {error}") from error

    def close(self) -> None:
        """Leave the rest unread."""
        self._answer.close()


def _refusal(resource: str, status: int, body: bytes) -> str:
    message = _message(body)
    if status == _UNAUTHORIZED:
        return f"HTTP {status}: the API server does not accept who we are: {message}"
    if status == _FORBIDDEN:
        return f"HTTP {status}: the scraper needs a role that may list and watch {resource}: {message}"
    return f"HTTP {status} for /api/v1/{resource}: {message}"


def _message(body: bytes) -> str:
    """What a Status object says, or the beginning of whatever else came."""
    try:
        return str(orjson.loads(body)["message"])[:_SHOWN_BYTES]
    except (ValueError, TypeError, KeyError):
        return body[:_SHOWN_BYTES].decode("utf-8", "replace").strip()


def _retry_after_s(text: str | None) -> float:
    """The API server sends whole seconds."""
    return float(min(int(text), _LONGEST_RETRY_AFTER_S)) if text and text.isascii() and text.isdigit() else 0.0
