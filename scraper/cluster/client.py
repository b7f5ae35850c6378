"""List and watch requests to the Kubernetes API for one resource."""

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

PAGE_SIZE: Final = 500
WATCH_TIMEOUT_S: Final = 120
"""The server ends a watch after this time, so that a dead connection is noticed soon after."""

WATCH_GRACE_S: Final = 15.0
"""A watch that is silent for longer than its timeout plus this time counts as broken."""

_CONNECT_TIMEOUT_S: Final = 10.0
_READ_TIMEOUT_S: Final = 60.0
_CHUNK_BYTES: Final = 65536
_MESSAGE_BYTES: Final = 300  # shown of an error response
_ERROR_BODY_BYTES: Final = 4096  # read of an error response
_MAX_RETRY_AFTER_S: Final = 60
_OK, _BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN, _GONE = 200, 400, 401, 403, 410


class ApiError(Exception):
    """The API server cannot be reached or returned an error; retry after `retry_after_s` at the earliest."""

    def __init__(self, message: str, *, status: int | None = None, retry_after_s: float = 0.0) -> None:
        """`status` is the HTTP status, None without a response."""
        super().__init__(message)
        self.status = status
        self.retry_after_s = retry_after_s


class RelistError(Exception):
    """The list or watch cannot be continued: start again with a new list."""


class ApiResource:
    """All nodes, pods or namespaces of a cluster, or those that match a label selector."""

    def __init__(self, login: Login, name: str, *, selector: str = "") -> None:
        """`name` is the plural of the resource."""
        self.name = name
        self._wire_type = WIRE_TYPES[name]
        self._login = login
        self._selection = {"labelSelector": selector} if selector else {}
        self._configuration: client.Configuration | None = None
        self._client: client.ApiClient

    def list(self, on_item: Callable[[Json], None], *, timeout_s: float = _READ_TIMEOUT_S) -> str:
        """Call `on_item` with each object, page by page; the resourceVersion of the list.

        `timeout_s` limits the silence of the server. Raises ApiError, or RelistError: the remaining pages have expired.
        """
        continued = ""
        while True:
            page = self._page({"limit": str(PAGE_SIZE), **({"continue": continued} if continued else {})}, timeout_s)
            for item in page.get("items") or ():
                on_item(item)
            metadata = page.get("metadata") or {}
            del page
            continued = str(metadata.get("continue") or "")
            if not continued:
                return str(metadata.get("resourceVersion") or "")

    def current_version(self, *, timeout_s: float) -> str:
        """The current resourceVersion, from a list of one object. Raises as `list`."""
        return str((self._page({"limit": "1"}, timeout_s).get("metadata") or {}).get("resourceVersion") or "")

    def watch(self, version: str, *, timeout_s: int | None = None) -> "EventStream":
        """Events after a resourceVersion. Raises ApiError, or RelistError: the version is too old."""
        timeout_s = WATCH_TIMEOUT_S if timeout_s is None else timeout_s
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(timeout_s),
        }
        return EventStream(self._request(query, read_s=timeout_s + WATCH_GRACE_S), self._wire_type)

    def _page(self, query: Mapping[str, str], timeout_s: float) -> Json:
        try:
            response = self._request(query, read_s=timeout_s)
            page = self._wire_type.page(response.read())
            response.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(reason(error)) from error
        except ValueError as error:
            raise ApiError(f"invalid response to the list of {self.name}: {error}") from error
        return page

    def _request(self, query: Mapping[str, str], *, read_s: float) -> urllib3.BaseHTTPResponse:
        telemetry.api_requests.labels(self.name, "watch" if "watch" in query else "list").inc()
        connection = self._connection()
        url = f"{connection.configuration.host}/api/v1/{self.name}?{urlencode({**query, **self._selection})}"
        headers = {"Accept": "application/json", "User-Agent": "heapster-stream", **self._login.authorization(url)}
        try:
            response: urllib3.BaseHTTPResponse = connection.call_api(
                "GET", url, headers, _request_timeout=(min(_CONNECT_TIMEOUT_S, read_s), read_s)
            ).response
            if response.status == _OK:
                return response
            body = response.read(_ERROR_BODY_BYTES)
            response.close()
        except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, ApiException):  # the client raises it for a failed TLS handshake
                self._login.credentials_rejected()
            raise ApiError(f"{connection.configuration.host}: {reason(error)}") from error
        raise self._failure(response, body, watching="watch" in query)

    def _connection(self) -> client.ApiClient:
        """A client with the current credentials: changed certificates and CAs need a new one."""
        configuration = self._login.configuration
        if configuration is not self._configuration:
            self._configuration = configuration
            self._client = client.ApiClient(configuration)
        return self._client

    def _failure(self, response: urllib3.BaseHTTPResponse, body: bytes, *, watching: bool) -> ApiError | RelistError:
        status = response.status
        if status == _GONE or (status == _BAD_REQUEST and watching):
            return RelistError(_message(body))
        if status == _UNAUTHORIZED:
            self._login.credentials_rejected()
        retry_after_s = _retry_after_s(response.headers.get("Retry-After"))
        return ApiError(_error_message(self.name, status, body), status=status, retry_after_s=retry_after_s)


class EventStream:
    """The response to a watch request; must be closed."""

    def __init__(self, response: urllib3.BaseHTTPResponse, wire_type: WireType) -> None:
        """Read events from a response whose headers have been received."""
        self._response = response
        self._wire_type = wire_type

    def events(self) -> Iterator[Json]:
        """Events as they arrive. Raises ApiError: the connection broke. RelistError: an event cannot be decoded."""
        rest = b""
        try:
            for chunk in self._response.stream(_CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (self._wire_type.event(line) for line in lines if line)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(reason(error)) from error
        except ValueError as error:
            raise RelistError(f"invalid watch event: {error}") from error

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


def _error_message(resource: str, status: int, body: bytes) -> str:
    message = _message(body)
    if status == _UNAUTHORIZED:
        return f"HTTP {status}: the API server rejects the scraper's credentials: {message}"
    if status == _FORBIDDEN:
        return f"HTTP {status}: the scraper needs a role that allows list and watch of {resource}: {message}"
    return f"HTTP {status} for /api/v1/{resource}: {message}"


def _message(body: bytes) -> str:
    """The message of a Status object; otherwise the beginning of the body."""
    try:
        return str(orjson.loads(body)["message"])[:_MESSAGE_BYTES]
    except (ValueError, TypeError, KeyError):
        return body[:_MESSAGE_BYTES].decode("utf-8", "replace").strip()


def _retry_after_s(text: str | None) -> float:
    """The header in seconds; 0 if it is missing or a date, which the API server does not send."""
    return float(min(int(text), _MAX_RETRY_AFTER_S)) if text and text.isascii() and text.isdigit() else 0.0
