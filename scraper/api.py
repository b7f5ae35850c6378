"""Requests to the Kubernetes API about one resource: its list, in pages, and its watch, line by line."""

from collections.abc import Iterator
from typing import Any, Final

import orjson
import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from scraper import telemetry
from scraper.objects import Json

PAGE: Final = 500
WATCH_S: Final = 120
"""The server ends a watch after so long: a dead connection goes unnoticed no longer than that."""

_CONNECT_S: Final = 10.0
_READ_S: Final = 60.0
_GRACE_S: Final = 15.0
_CHUNK_BYTES: Final = 65536
_SHOWN_BYTES: Final = 300
_OK, _BAD_REQUEST, _GONE = 200, 400, 410
_NOT_ALLOWED: Final = frozenset({401, 403})


class ApiError(Exception):
    """The API server does not answer, or not well; it may later."""


class RelistError(Exception):
    """The watch cannot go on from where it is: everything is to be listed again."""


class ApiResource:
    """Nodes, pods or namespaces of a cluster."""

    def __init__(self, api: client.Configuration, name: str) -> None:
        """`name` is the plural."""
        self.name = name
        self._client = client.ApiClient(api)

    def pages(self) -> Iterator[Json]:
        """All objects, page by page. Raises ApiError, or RelistError: the rest cannot be had any more."""
        continued = ""
        while True:
            page = self._page({"limit": str(PAGE), **({"continue": continued} if continued else {})})
            yield page
            continued = str((page.get("metadata") or {}).get("continue") or "")
            if not continued:
                return

    def watch(self, version: str) -> "EventStream":
        """What happens after that version. Raises ApiError, or RelistError: the version is too old."""
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(WATCH_S),
        }
        return EventStream(self._ask(query, read_s=WATCH_S + _GRACE_S))

    def _page(self, query: dict[str, str]) -> Json:
        try:
            answer = self._ask(query, read_s=_READ_S)
            page: Any = orjson.loads(answer.read())
            answer.release_conn()
        except urllib3.exceptions.HTTPError as error:
            raise ApiError(shown(error)) from error
        except ValueError as error:
            raise ApiError(f"the list of {self.name} is not JSON: {error}") from error
        if not isinstance(page, dict):
            raise ApiError(f"the list of {self.name} is no JSON object")
        return page

    def _ask(self, query: dict[str, str], *, read_s: float) -> urllib3.BaseHTTPResponse:
        telemetry.requests.labels(self.name, "watch" if "watch" in query else "list").inc()
        request = self._client.param_serialize(
            "GET",
            f"/api/v1/{self.name}",
            query_params=list(query.items()),
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        try:
            answer: urllib3.BaseHTTPResponse = self._client.call_api(
                *request, _request_timeout=(_CONNECT_S, read_s)
            ).response
            if answer.status == _OK:
                return answer
            body = answer.read(_SHOWN_BYTES).decode("utf-8", "replace")
            answer.close()
        except (ApiException, urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(shown(error)) from error
        if answer.status == _GONE or (answer.status == _BAD_REQUEST and "watch" in query):
            raise RelistError(body)
        raise ApiError(_refusal(self.name, answer.status, body))


class EventStream:
    """A watch under way; to be closed."""

    def __init__(self, answer: urllib3.BaseHTTPResponse) -> None:
        """Of an answer that has begun."""
        self._answer = answer

    def events(self) -> Iterator[Json]:
        """Each event as it comes. Raises ApiError: the connection broke. RelistError: nonsense came."""
        rest = b""
        try:
            for chunk in self._answer.stream(_CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                yield from (orjson.loads(line) for line in lines if line)
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiError(shown(error)) from error
        except orjson.JSONDecodeError as error:
            raise RelistError(f"an event that is not JSON: {error}") from error

    def close(self) -> None:
        """Leave the rest unread."""
        self._answer.close()


def shown(error: Exception) -> str:
    """An error in a few words."""
    return f"{type(error).__name__}: {error}"[: 2 * _SHOWN_BYTES]


def _refusal(resource: str, status: int, body: str) -> str:
    if status in _NOT_ALLOWED:
        return f"HTTP {status}: the scraper needs a role that may list and watch {resource}: {body}"
    return f"HTTP {status} for /api/v1/{resource}: {body}"
