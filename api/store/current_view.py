"""Moment: what may be shown as the state of now, one entity after the other.

*Current* is the newest window of a node or group, no older than `STALE_NS` and not left behind by the others (a node
that has answered none of the last windows is not there any more).

Which windows those are is settled when a list is begun; what is in them is read as the list goes on, and never all of
it at once: thirty thousand pods are read a few at a time, between other answers.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, groupby, islice
from operator import itemgetter
from typing import Final, NamedTuple, TypeAlias

from api.store.batch_schema import BatchSchema
from api.store.row import Reading, Row
from api.store.store import NODE, Store
from api.store.times import NS_PER_S
from schemas.catalogue import CLUSTER, POD
from schemas.keys import namespace_of, pod_name
from schemas.metric_batch import namespace_group

STALE_NS: Final = 3 * 60 * NS_PER_S
AHEAD_NS: Final = 60 * NS_PER_S  # clocks differ: a window that ends so soon is not the future
_LEAST_BEHIND_NS: Final = 30 * NS_PER_S
_WINDOWS_BEHIND: Final = 2
_NAMESPACE: Final = namespace_group("")

Listed: TypeAlias = Iterator[Reading | None]
"""Entities in order, and a None for whatever has been looked at in vain: each step takes a moment only."""

_Order: TypeAlias = Callable[[str], tuple[str, ...]]  # of keys
_Entry: TypeAlias = tuple[tuple[str, ...], Reading]


class State(NamedTuple):
    """How far the store is."""

    newest_ns: int | None  # the newest window that anything has come of
    resolution_ns: int
    nodes: int  # that are current
    nodes_counted: int  # in the cluster's sums of its current window
    nodes_expected: int
    stale_after_ns: int  # so long after its end a window may be shown as current
    stale: bool  # nothing is current: the newest window is too old, or there is none


class CurrentView:
    """What is current in a store at `now_ns`."""

    def __init__(self, store: Store, now_ns: int) -> None:
        """Nothing is looked up before it is asked for, but how far the store is."""
        self._store = store
        self._resolution_ns = store.resolution_ns
        # long windows would be stale before the next one is there
        self._stale_after_ns = max(STALE_NS, _WINDOWS_BEHIND * self._resolution_ns)
        self._newest_ns = store.newest_ns(now_ns + AHEAD_NS)
        self._now_ns = now_ns

    def state(self) -> State:
        """How far the store is, and how complete its newest window."""
        cluster = next(iter(self._rows((CLUSTER,))), None)
        return State(
            newest_ns=self._newest_ns,
            resolution_ns=self._resolution_ns,
            nodes=len(self._rows(self._store.sources(NODE))),
            nodes_counted=0 if cluster is None else cluster.nodes_counted,
            nodes_expected=0 if cluster is None else cluster.nodes_expected,
            stale_after_ns=self._stale_after_ns,
            stale=self._newest_ns is None or self._newest_ns < self._now_ns - self._stale_after_ns,
        )

    def current(self, key: str) -> Reading | None:
        """The newest metric set of an entity, None if it is not there now."""
        found = (row.reading(key) for row in self._rows(self._store.sources_of(key)))
        return _newest(reading for reading in found if reading is not None)

    def below(self, key: str) -> Listed:
        """What is in a node, namespace or pod, itself left out."""
        everywhere = namespace_of(key) is not None
        sources = self._store.sources() if everywhere else self._store.sources_of(key)
        return _in_order(self._rows(sources), lambda shape: shape.below(key))

    def nodes(self) -> Listed:
        """All nodes."""
        return self._sources(NODE)

    def namespaces(self) -> Listed:
        """All namespaces."""
        return self._sources(_NAMESPACE)

    def pods(self) -> Listed:
        """All pods, by namespace and name."""
        return _in_order(self._rows(self._store.sources(NODE)), lambda shape: shape.pods, order=pod_name)

    def pods_of(self, namespace: str) -> Listed:
        """Those of one namespace, by name."""
        below = self.below(namespace_group(namespace))
        return (reading if reading is not None and reading.entity.type == POD else None for reading in below)

    def all(self) -> Listed:
        """Everything."""
        return _in_order(self._rows(self._store.sources()), lambda shape: range(len(shape.entities)))

    def _sources(self, prefix: str) -> Listed:
        """What the sources are themselves, nodes or namespaces."""
        sources = sorted(self._store.sources(prefix))
        return (row.reading(source) for source, row in self._current(sources))

    def _rows(self, sources: Iterable[str]) -> list[Row]:
        return [row for _, row in self._current(sources)]

    def _current(self, sources: Iterable[str]) -> list[tuple[str, Row]]:
        """The newest row of each source, if it may stand for now."""
        newest_ns = self._newest_ns
        if newest_ns is None:
            return []
        behind_ns = max(_WINDOWS_BEHIND * self._resolution_ns, _LEAST_BEHIND_NS)
        oldest_ns = max(newest_ns - behind_ns, self._now_ns - self._stale_after_ns)
        found = []
        for source in sources:
            for row in reversed(self._store.rows(source)):
                if row.window_end_ns <= newest_ns:
                    if row.window_end_ns >= oldest_ns:
                        found.append((source, row))
                    break
        return found


def _by_key(key: str) -> tuple[str, ...]:
    return (key,)


def _in_order(
    rows: Iterable[Row], positions: Callable[[BatchSchema], Iterable[int]], order: _Order = _by_key
) -> Listed:
    """What is at these positions of each row, merged; of an entity that is in several rows, the newest."""
    begun = []
    for row in rows:
        entries = _entries(row, positions(row.shape), order)
        begun += [chain((first,), entries) for first in islice(entries, 1)]
        yield None
    for _, same in groupby(heapq.merge(*begun, key=itemgetter(0)), key=itemgetter(0)):
        yield _newest(reading for _, reading in same)


def _entries(row: Row, positions: Iterable[int], order: _Order) -> Iterator[_Entry]:
    return ((order(reading.key), reading) for reading in row.readings(positions))


def _newest(readings: Iterable[Reading]) -> Reading | None:
    """The first of the newest: where an entity is in several places, it has moved."""
    return max(readings, key=lambda reading: reading.window_end_ns, default=None)
