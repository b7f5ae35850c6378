"""A cache of one resource of the Kubernetes API, kept up to date by list and watch.

A broken watch resumes at its resourceVersion, 410 Gone leads to a new list, and other errors are retried without limit.
Each object is reduced to the fields in use as soon as it arrives, so that the cache stays small.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection
from sys import intern
from typing import Final, Generic, TypeVar

from runtime.backoff import Backoff
from scraper.cluster.client import ApiError, ApiResource, RelistError
from scraper.cluster.objects import Json

log = logging.getLogger(__name__)

_Parsed = TypeVar("_Parsed")

FIRST_PAUSE_S: Final = 0.2
MAX_PAUSE_S: Final = 20.0
_HEALTHY_AFTER_S: Final = 2.0
"""A watch that lasts longer resets the back-off."""


class Watch(threading.Thread, Generic[_Parsed]):
    """Thread that keeps the cache of one resource up to date."""

    def __init__(self, resource: ApiResource, parse: Callable[[Json], _Parsed], stopped: threading.Event) -> None:
        """`parse` returns the part of an object that is cached; setting `stopped` ends the thread."""
        super().__init__(name=f"watch-{resource.name}", daemon=True)
        self.synced = threading.Event()  # set after the first complete list
        self._resource = resource
        self._parse = parse
        self._stopped = stopped
        self._backoff = Backoff(stopped, first_s=FIRST_PAUSE_S, max_s=MAX_PAUSE_S)
        self._lock = threading.Lock()
        self._items: dict[tuple[str, str], _Parsed] = {}
        self._version = ""  # resourceVersion; empty: a list is needed
        self._failing = False

    def items(self) -> Collection[_Parsed]:
        """The cached objects."""
        with self._lock:
            return tuple(self._items.values())

    def run(self) -> None:
        """List and watch until `stopped` is set."""
        while not self._stopped.is_set():
            at_least_s = 0.0
            try:
                if not self._version:
                    self._list()
                self._watch()
            except RelistError as error:
                log.info("listing the resource again", extra={"resource": self._resource.name, "reason": str(error)})
                self._version = ""
            except ApiError as error:
                at_least_s = error.retry_after_s
                self._failed(error)
            self._backoff.wait(at_least_s)

    def _list(self) -> None:
        """Replace the cache by a complete list."""
        found: dict[tuple[str, str], _Parsed] = {}

        def add(item: Json) -> None:
            key = _key(item)
            found[key] = self._parse_or_reuse(key, item)

        version = self._resource.list(add)
        with self._lock:
            self._items = found
        self._version = version
        self.synced.set()

    def _watch(self) -> None:
        """Apply events until the server ends the watch or the connection breaks."""
        stream = self._resource.watch(self._version)
        self._recovered()
        began = time.monotonic()
        try:
            for event in stream.events():
                self._apply(event)
                if self._stopped.is_set():
                    return
        except ApiError as error:
            log.info("watch interrupted, resuming", extra={"resource": self._resource.name, "error": str(error)})
        finally:
            stream.close()
            if time.monotonic() - began > _HEALTHY_AFTER_S:
                self._backoff.reset()

    def _apply(self, event: Json) -> None:
        kind, item = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            raise RelistError(f"the watch ended with error {item.get('code')}: {item.get('message')}")
        if kind == "DELETED":
            with self._lock:
                self._items.pop(_key(item), None)
        elif kind in {"ADDED", "MODIFIED"}:
            key = _key(item)
            parsed = self._parse_or_reuse(key, item)
            with self._lock:
                self._items[key] = parsed
        self._version = str((item.get("metadata") or {}).get("resourceVersion") or self._version)

    def _parse_or_reuse(self, key: tuple[str, str], item: Json) -> _Parsed:
        """Parse an object; if it is unchanged, return the cached one, which may hold derived data such as encodings."""
        known, parsed = self._items.get(key), self._parse(item)
        return known if known is not None and known == parsed else parsed

    def _failed(self, error: Exception) -> None:
        """Log the start of an outage once."""
        if not self._failing:
            self._failing = True
            log.error(
                "request to the Kubernetes API failed, retrying",
                extra={"resource": self._resource.name, "error": str(error)},
            )

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            log.info("the Kubernetes API answers again", extra={"resource": self._resource.name})


def _key(item: Json) -> tuple[str, str]:
    metadata = item.get("metadata") or {}
    return intern(str(metadata.get("namespace") or "")), str(metadata.get("name") or "")
