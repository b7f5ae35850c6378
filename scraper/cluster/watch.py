"""A cache that follows one resource of the Kubernetes API, by list and watch.

A watch that breaks resumes at its resourceVersion, 410 Gone means listing again, an API server that is down is asked
again for ever. Objects are turned into what is kept of them at once, so the cache stays small.
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

_Kept = TypeVar("_Kept")

FIRST_PAUSE_S: Final = 0.2
MAX_PAUSE_S: Final = 20.0
_SOUND_S: Final = 2.0
"""A watch that lasts so long is a good one: the next trouble is a new one."""


class Watch(threading.Thread, Generic[_Kept]):
    """Follows one resource."""

    def __init__(self, resource: ApiResource, keep: Callable[[Json], _Kept], stopped: threading.Event) -> None:
        """`keep` says what stays of an object. Not started yet."""
        super().__init__(name=f"watch-{resource.name}", daemon=True)
        self.synced = threading.Event()  # set once everything has been listed
        self._resource = resource
        self._keep = keep
        self._stop_wanted = stopped
        self._pauses = Backoff(stopped, first_s=FIRST_PAUSE_S, max_s=MAX_PAUSE_S)
        self._lock = threading.Lock()
        self._items: dict[tuple[str, str], _Kept] = {}
        self._version = ""  # empty: to be listed
        self._failing = False

    def items(self) -> Collection[_Kept]:
        """What there is now."""
        with self._lock:
            return tuple(self._items.values())

    def run(self) -> None:
        """Follow the resource until told to stop."""
        while not self._stop_wanted.is_set():
            at_least_s = 0.0
            try:
                if not self._version:
                    self._list()
                self._watch()
            except RelistError as error:
                log.info("listing again", extra={"resource": self._resource.name, "reason": str(error)})
                self._version = ""
            except ApiError as error:
                at_least_s = error.retry_after_s
                self._failed(error)
            self._pauses.wait(at_least_s)

    def _list(self) -> None:
        """Take in all objects; what is gone from the API goes from the cache."""
        found: dict[tuple[str, str], _Kept] = {}

        def take(item: Json) -> None:
            key = _key(item)
            found[key] = self._kept(key, item)

        version = self._resource.list(take)
        with self._lock:
            self._items = found
        self._version = version
        self.synced.set()

    def _watch(self) -> None:
        """Follow what happens until the server ends the watch, or it breaks."""
        stream = self._resource.watch(self._version)
        self._recovered()
        began = time.monotonic()
        try:
            for event in stream.events():
                self._apply(event)
                if self._stop_wanted.is_set():
                    return
        except ApiError as error:
            log.info("the watch broke, it resumes", extra={"resource": self._resource.name, "error": str(error)})
        finally:
            stream.close()
            if time.monotonic() - began > _SOUND_S:
                self._pauses.reset()

    def _apply(self, event: Json) -> None:
        kind, item = event.get("type"), event.get("object") or {}
        if kind == "ERROR":
            raise RelistError(f"the watch ended with {item.get('code')}: {item.get('message')}")
        if kind == "DELETED":
            with self._lock:
                self._items.pop(_key(item), None)
        elif kind in {"ADDED", "MODIFIED"}:
            key = _key(item)
            kept = self._kept(key, item)
            with self._lock:
                self._items[key] = kept
        self._version = str((item.get("metadata") or {}).get("resourceVersion") or self._version)

    def _kept(self, key: tuple[str, str], item: Json) -> _Kept:
        """The one that is known if nothing of it has changed: not both in memory, and what was made of it stays."""
        known, kept = self._items.get(key), self._keep(item)
        return known if known is not None and known == kept else kept

    def _failed(self, error: Exception) -> None:
        """Told once an outage."""
        if not self._failing:
            self._failing = True
            log.error(
                "the Kubernetes API does not answer well, it is asked again until it does",
                extra={"resource": self._resource.name, "error": str(error)},
            )

    def _recovered(self) -> None:
        if self._failing:
            self._failing = False
            log.info("the Kubernetes API answers again", extra={"resource": self._resource.name})


def _key(item: Json) -> tuple[str, str]:
    metadata = item.get("metadata") or {}
    return intern(str(metadata.get("namespace") or "")), str(metadata.get("name") or "")
