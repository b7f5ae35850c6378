"""List and watch of one resource of the Kubernetes API: a cache that follows it.

A broken watch resumes at its resourceVersion, 410 Gone means listing again, an API server that is down is asked again
for ever. Objects are turned into what is kept of them at once, so the cache stays small.
"""

import logging
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, TypeVar

import orjson
import urllib3
from kubernetes import client
from kubernetes.client.exceptions import ApiException

from scraper import telemetry
from scraper.objects import Json

log = logging.getLogger(__name__)

_Kept = TypeVar("_Kept")

PAGE: Final = 500
WATCH_S: Final = 300
_CONNECT_S: Final = 10.0
_LIST_READ_S: Final = 60.0
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 30.0
_GONE: Final = 410


class GoneError(Exception):
    """The resourceVersion is too old: everything is to be listed again."""


class Watch(threading.Thread, Generic[_Kept]):
    """Follows one resource; `items()` is what there is now, by the key that `keep` gives an object."""

    def __init__(
        self,
        api: client.Configuration,
        resource: str,
        keep: Callable[[Json], tuple[str, _Kept]],
        stopped: threading.Event,
    ) -> None:
        """`resource` is the plural name: nodes, pods, namespaces. Not started yet."""
        super().__init__(name=f"watch-{resource}", daemon=True)
        self.resource = resource
        self.synced = threading.Event()  # set once everything has been listed
        self._client = client.ApiClient(api)
        self._keep = keep
        self._stop_wanted = stopped
        self._lock = threading.Lock()
        self._items: dict[str, _Kept] = {}
        self._version: str | None = None
        self._failing = False

    def items(self) -> Mapping[str, _Kept]:
        """A copy of the cache."""
        with self._lock:
            return dict(self._items)

    def run(self) -> None:
        """Follow the resource until told to stop."""
        pause_s = _FIRST_PAUSE_S
        while not self._stop_wanted.is_set():
            try:
                if self._version is None:
                    self._list()
                    self._recovered()
                self._watch(self._version or "")
                self._recovered()
                pause_s = _FIRST_PAUSE_S
            except GoneError:
                log.info("listing again: the watch was left behind", extra={"resource": self.resource})
                self._version = None
            except (ApiException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
                self._failed(error)
                self._stop_wanted.wait(random.uniform(pause_s / 2, pause_s))  # noqa: S311 - jitter
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def _list(self) -> None:
        """All objects, in pages; what is gone from the API goes from the cache."""
        telemetry.watches.labels(self.resource, "list").inc()
        found: dict[str, _Kept] = {}
        token = ""
        while True:
            query: list[tuple[str, str]] = [("limit", str(PAGE))]
            if token:
                query.append(("continue", token))
            page = self._get(query)
            found.update(self._keep(item) for item in page.get("items") or [])
            metadata = page.get("metadata") or {}
            token = metadata.get("continue") or ""
            if not token:
                break
        with self._lock:
            self._items = found
        self._version = str(metadata.get("resourceVersion") or "")
        self.synced.set()

    def _watch(self, version: str) -> None:
        telemetry.watches.labels(self.resource, "watch").inc()
        query = [
            ("watch", "true"),
            ("resourceVersion", version),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", str(WATCH_S)),
        ]
        answer = self._ask(query, read_s=WATCH_S + 30)
        try:
            for line in _lines(answer.stream(65536)):
                if self._stop_wanted.is_set():
                    return
                self._apply(orjson.loads(line))
        finally:
            answer.close()

    def _apply(self, event: Json) -> None:
        kind, item = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            if item.get("code") == _GONE:
                raise GoneError
            raise OSError(f"the watch ended with {item.get('code')}: {item.get('message')}")
        if kind in {"ADDED", "MODIFIED", "DELETED"}:
            key, kept = self._keep(item)
            with self._lock:
                if kind == "DELETED":
                    self._items.pop(key, None)
                else:
                    self._items[key] = kept
        self._version = str((item.get("metadata") or {}).get("resourceVersion") or self._version)

    def _get(self, query: list[tuple[str, str]]) -> dict[str, Any]:
        answer = self._ask(query, read_s=_LIST_READ_S)
        try:
            found: dict[str, Any] = orjson.loads(answer.read())
        finally:
            answer.release_conn()
        return found

    def _ask(self, query: list[tuple[str, str]], *, read_s: float) -> urllib3.BaseHTTPResponse:
        request = self._client.param_serialize(
            "GET",
            f"/api/v1/{self.resource}",
            query_params=query,
            header_params={"Accept": "application/json"},
            auth_settings=["BearerToken"],
        )
        answer: urllib3.BaseHTTPResponse = self._client.call_api(
            *request, _request_timeout=(_CONNECT_S, read_s)
        ).response
        if answer.status == _GONE:
            answer.close()
            raise GoneError
        if answer.status != 200:  # noqa: PLR2004 - OK
            body = answer.read(500).decode("utf-8", "replace")
            answer.close()
            raise OSError(_refusal(self.resource, answer.status, body))
        return answer

    def _failed(self, error: Exception) -> None:
        """Once an outage."""
        if not self._failing:
            self._failing = True
            log.error("the Kubernetes API fails", extra={"resource": self.resource, "error": str(error)[:500]})

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            log.info("the Kubernetes API answers again", extra={"resource": self.resource})


def _refusal(resource: str, status: int, body: str) -> str:
    needed = f"; the scraper needs the right to list and watch {resource}" if status in {401, 403} else ""
    return f"HTTP {status} for {resource}{needed}: {body}"


def _lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from filter(None, whole)
