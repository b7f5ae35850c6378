"""The current state: the newest metric set of each entity, where it is recent enough.

The *current* window of a node or group is its newest one, if it is not older than `STALE_NS` and not far behind the
other sources. A node that did not answer in the last windows is no longer current.

The current windows are chosen when a list starts. Their content is read step by step, a few entities at a time, so
that a list of thirty thousand pods does not block other requests.
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
AHEAD_NS: Final = 60 * NS_PER_S  # tolerated clock difference: a window that ends this soon is not in the future
_LEAST_BEHIND_NS: Final = 30 * NS_PER_S
_WINDOWS_BEHIND: Final = 2
_NAMESPACE: Final = namespace_group("")

Listed: TypeAlias = Iterator[Reading | None]
"""Entities in order; None for each position without a current entity, so that every step is short."""

_Order: TypeAlias = Callable[[str], tuple[str, ...]]  # sort key of an entity key
_Entry: TypeAlias = tuple[tuple[str, ...], Reading]


class State(NamedTuple):
    """How current and how complete the store is."""

    newest_ns: int | None  # end of the newest window, None if the store is empty
    resolution_ns: int
    nodes: int  # current nodes
    nodes_counted: int  # nodes in the cluster's sums of its current window
    nodes_expected: int
    stale_after_ns: int  # how long after its end a window counts as current
    stale: bool  # nothing is current: the newest window is too old, or the store is empty


class CurrentView:
    """The state of a store at `now_ns`."""

    def __init__(self, store: Store, now_ns: int) -> None:
        """Look up nothing yet, except the newest window."""
        self._store = store
        self._resolution_ns = store.resolution_ns
        # a long window would be stale before the next one arrives
        self._stale_after_ns = max(STALE_NS, _WINDOWS_BEHIND * self._resolution_ns)
        self._newest_ns = store.newest_ns(now_ns + AHEAD_NS)
        self._now_ns = now_ns

    def state(self) -> State:
        """Return how current the store is, and how complete its newest window."""
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
        """Return the current metric set of an entity, None if it has none."""
        found = (row.reading(key) for row in self._rows(self._store.sources_of(key)))
        return _newest(reading for reading in found if reading is not None)

    def below(self, key: str) -> Listed:
        """List the content of a node, namespace or pod, without itself."""
        everywhere = namespace_of(key) is not None
        sources = self._store.sources() if everywhere else self._store.sources_of(key)
        return _in_order(self._rows(sources), lambda schema: schema.below(key))

    def nodes(self) -> Listed:
        """List the nodes."""
        return self._sources(NODE)

    def namespaces(self) -> Listed:
        """List the namespaces."""
        return self._sources(_NAMESPACE)

    def pods(self) -> Listed:
        """List the pods by namespace and name."""
        return _in_order(self._rows(self._store.sources(NODE)), lambda schema: schema.pods, order=pod_name)

    def pods_of(self, namespace: str) -> Listed:
        """List the pods of one namespace by name."""
        below = self.below(namespace_group(namespace))
        return (reading if reading is not None and reading.entity.type == POD else None for reading in below)

    def all(self) -> Listed:
        """List all entities."""
        return _in_order(self._rows(self._store.sources()), lambda schema: range(len(schema.entities)))

    def _sources(self, prefix: str) -> Listed:
        """List the metric sets of the sources themselves: nodes or namespaces."""
        sources = sorted(self._store.sources(prefix))
        return (row.reading(source) for source, row in self._current(sources))

    def _rows(self, sources: Iterable[str]) -> list[Row]:
        return [row for _, row in self._current(sources)]

    def _current(self, sources: Iterable[str]) -> list[tuple[str, Row]]:
        """Return the newest row of each source, if it is current."""
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
    """Merge the entities at these positions of each row; of an entity in several rows, take the newest."""
    begun = []
    for row in rows:
        entries = _entries(row, positions(row.schema), order)
        begun += [chain((first,), entries) for first in islice(entries, 1)]
        yield None
    for _, same in groupby(heapq.merge(*begun, key=itemgetter(0)), key=itemgetter(0)):
        yield _newest(reading for _, reading in same)


def _entries(row: Row, positions: Iterable[int], order: _Order) -> Iterator[_Entry]:
    return ((order(reading.key), reading) for reading in row.readings(positions))


def _newest(readings: Iterable[Reading]) -> Reading | None:
    """Return the newest reading: a pod that moved is in the rows of two nodes."""
    return max(readings, key=lambda reading: reading.window_end_ns, default=None)
