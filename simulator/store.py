"""API objects as an API server keeps them: the newest of each, a version for every change, the recent changes.

Versions are one sequence for all resources. Objects are kept as the bytes that go out, so nothing that the giver
changes afterwards shows.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import Final, Literal, NamedTuple, TypeAlias

import orjson

from simulator.objects import RESOURCES, KubernetesObject, Resource, key, metadata

EventType: TypeAlias = Literal["ADDED", "MODIFIED", "DELETED"]

KEPT_CHANGES: Final = 5000
_NOT_KEPT: Final = frozenset({"kind", "apiVersion"})


class GoneError(Exception):
    """The changes after that version are no longer kept, or it was never given out: list again."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change. `body` is the object after it; of a deleted one its last state, with the deletion's version."""

    version: int
    type: EventType
    body: bytes


class Listing(NamedTuple):
    """All objects of a resource as of a version, in the order of their keys."""

    version: int
    bodies: tuple[bytes, ...]


class Changes(NamedTuple):
    """What changed after some version, oldest first, up to and including `version`."""

    version: int
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    content: bytes  # without its version, to tell whether anything changed
    body: bytes


class Store:
    """Versioned API objects. Safe to change from one thread while another serves them."""

    def __init__(self, *, first_version: int = 1, kept_changes: int = KEPT_CHANGES) -> None:
        """An empty one. Of each resource the last `kept_changes` changes can be had."""
        self._lock = threading.RLock()
        self._version = first_version
        self._objects: dict[Resource, dict[str, _Kept]] = {resource: {} for resource in RESOURCES}
        self._history: dict[Resource, deque[Change]] = {name: deque(maxlen=kept_changes) for name in RESOURCES}
        self._forgotten: dict[Resource, int] = dict.fromkeys(RESOURCES, first_version)
        self._listeners: list[Callable[[], None]] = []

    @property
    def version(self) -> int:
        """The version of the newest change."""
        with self._lock:
            return self._version

    def listing(self, resource: Resource) -> Listing:
        """The objects there are now."""
        with self._lock:
            kept = self._objects[resource]
            return Listing(self._version, tuple(kept[name].body for name in sorted(kept)))

    def changes(self, resource: Resource, since: int) -> Changes:
        """What changed after version `since`. Raises GoneError: that is not known any more, or not yet."""
        with self._lock:
            if not self._forgotten[resource] <= since <= self._version:
                raise GoneError(f"too old resource version: {since} ({self._forgotten[resource]})")
            newest_first = takewhile(lambda change: change.version > since, reversed(self._history[resource]))
            return Changes(self._version, tuple(newest_first)[::-1])

    def put(self, resource: Resource, item: KubernetesObject) -> bool:
        """Add or replace one object; False if it is there already, just so. Its own resourceVersion is ignored."""
        name = key(item)
        unversioned = {field: value for field, value in metadata(item).items() if field != "resourceVersion"}
        plain = {field: value for field, value in item.items() if field not in _NOT_KEPT} | {"metadata": unversioned}
        content = orjson.dumps(plain, option=orjson.OPT_SORT_KEYS)
        with self._lock:
            earlier = self._objects[resource].get(name)
            if earlier is not None and earlier.content == content:
                return False
            body = self._record(resource, "ADDED" if earlier is None else "MODIFIED", plain)
            self._objects[resource][name] = _Kept(content, body)
            self._notify()
        return True

    def delete(self, resource: Resource, name: str) -> None:
        """Take an object away; `name` is its key. Raises KeyError: there is none of that key."""
        with self._lock:
            self._record(resource, "DELETED", orjson.loads(self._objects[resource].pop(name).content))
            self._notify()

    def replace(self, resource: Resource, items: Iterable[KubernetesObject]) -> None:
        """Let these be all there are: what is missing among them is deleted, the others are put."""
        wanted = {key(item): item for item in items}
        with self._lock:
            for name in sorted(self._objects[resource].keys() - wanted.keys()):
                self.delete(resource, name)
            for item in wanted.values():
                self.put(resource, item)

    def forget_history(self) -> None:
        """Drop all changes kept so far: whoever resumes from an earlier version is told that it is gone."""
        with self._lock:
            self._version += 1
            for resource in RESOURCES:
                self._history[resource].clear()
                self._forgotten[resource] = self._version

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` after each change, in the thread that made it; it must not block. Returns how to stop."""
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                self._listeners.remove(listener)

        return unsubscribe

    def _record(self, resource: Resource, change: EventType, plain: KubernetesObject) -> bytes:
        self._version += 1
        body = orjson.dumps({**plain, "metadata": {**metadata(plain), "resourceVersion": str(self._version)}})
        history = self._history[resource]
        if len(history) == history.maxlen:
            self._forgotten[resource] = history[0].version
        history.append(Change(self._version, change, body))
        return body

    def _notify(self) -> None:
        for listener in self._listeners:
            listener()
