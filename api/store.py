"""Store: the newest fifteen minutes of every metric set, and how to look into them.

What the writers of answers use (a key is Heapster's, as `namespace:default/pod:web-1`; times are nanoseconds since the
epoch; `now_ns` is the time of the question):

    store.series(key, metric, labels, start_ns, end_ns)   the points of one series, in order
    store.metric_names(key)                               what there is to ask of an entity
    store.current(key, now_ns)                            the newest metric set of an entity: a Reading
    store.latest(key)                                     the newest that is kept, current or not
    store.below(key, now_ns)                              those of what is in a node, namespace or pod
    store.nodes(now_ns), store.namespaces(now_ns)         those of all nodes, of all namespaces
    store.pods(now_ns)                                    those of all pods
    store.all(now_ns)                                     those of everything
    store.node_keys(), store.windows(key)                 all nodes that are kept, and what has come of one
    store.state(now_ns)                                   the newest window, and how complete it is

*Current* is what may be shown as the state of now: the newest window of its node or group, no older than `stale_ns`,
and not left behind by the others (a node that has answered none of the last windows is not there any more).

One thread puts, any may read: a row is seen whole or not at all.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from api.columns import Labels, Packed, Shape, unpack_shape
from api.reading import Point, Reading, Row
from api.times import NS_PER_S
from schemas.catalogue import CLUSTER, POD
from schemas.keys import namespace_of, node_key
from schemas.metric_batch import namespace_group

SPAN_NS: Final = 15 * 60 * NS_PER_S
STALE_NS: Final = 3 * 60 * NS_PER_S
AHEAD_NS: Final = 60 * NS_PER_S  # clocks differ: a window that ends so soon is not the future
_LEAST_BEHIND_NS: Final = 30 * NS_PER_S
_WINDOWS_BEHIND: Final = 2
_NODE: Final = node_key("")
_NAMESPACE: Final = namespace_group("")


class State(NamedTuple):
    """How far the store is."""

    newest_ns: int | None  # the newest window that anything has come of
    resolution_ns: int
    nodes: int  # that are current
    nodes_counted: int  # in the cluster's sums of its current window
    nodes_expected: int
    stale: bool  # nothing is current: the newest window is too old, or there is none


class Window(NamedTuple):
    """One window of a node or group."""

    end_ns: int
    resolution_ns: int
    answered: bool  # there is more to it than that the scrape has failed


class Store:
    """Rows by node, namespace and cluster; see the module."""

    def __init__(self, *, span_ns: int = SPAN_NS, stale_ns: int = STALE_NS) -> None:
        """Empty; windows are kept for `span_ns`, and no longer current after `stale_ns`."""
        self.span_ns = span_ns
        self.stale_ns = stale_ns
        self._rows: dict[str, tuple[Row, ...]] = {}  # by source, in order of time
        self._sources: dict[str, tuple[str, ...]] = {}  # by key of an entity: where it is in
        self._windows: Counter[int] = Counter()
        self._resolution_ns = 60 * NS_PER_S
        self.revision = 0  # grows with whatever is put or forgotten

    def put(self, packed: Packed, now_ns: int) -> bool:
        """Take a batch in, in whatever order they come.

        False if it is not wanted: outside the span, or of a lower version than what is there of its window.
        """
        if not now_ns - self.span_ns < packed.window_end_ns <= now_ns + self.span_ns:
            return False
        rows = self._rows.get(packed.source, ())
        at = bisect_left(rows, packed.window_end_ns, key=lambda row: row.window_end_ns)
        replaced = rows[at : at + 1] if at < len(rows) and rows[at].window_end_ns == packed.window_end_ns else ()
        if replaced and packed.version < replaced[0].version:
            return False
        row = Row(
            window_end_ns=packed.window_end_ns,
            resolution_ns=packed.resolution_ns,
            version=packed.version,
            nodes_counted=packed.nodes_counted,
            nodes_expected=packed.nodes_expected,
            shape=_shape(packed, rows[at - 1 : at] + rows[at : at + 1] + rows[-1:]),
            block=packed.block,
        )
        self._replace(packed.source, (*rows[:at], row, *rows[at + len(replaced) :]))
        self._windows[row.window_end_ns] += 1 - len(replaced)
        self._resolution_ns = packed.resolution_ns
        return True

    def expire(self, now_ns: int) -> None:
        """Forget windows past the span, and whoever has none left."""
        for source, rows in list(self._rows.items()):
            gone = [row for row in rows if row.window_end_ns <= now_ns - self.span_ns]  # rows are in order of time
            if gone:
                self._replace(source, rows[len(gone) :])
                self._windows -= Counter(row.window_end_ns for row in gone)  # those that come to zero go

    def series(
        self, key: str, metric: str, labels: Labels = (), start_ns: int | None = None, end_ns: int | None = None
    ) -> list[Point]:
        """The points from `start_ns` to `end_ns`, both included; none if there is no such entity or metric."""
        found: dict[int, Point] = {}
        for source in self._sources.get(key, ()):
            for row in self._rows.get(source, ()):
                if (start_ns is None or row.window_end_ns >= start_ns) and (
                    end_ns is None or row.window_end_ns <= end_ns
                ):
                    value = row.value(key, metric, labels)
                    if value is not None:
                        found[row.window_end_ns] = Point(row.window_end_ns, value)
        return [found[time_ns] for time_ns in sorted(found)]

    def metric_names(self, key: str) -> list[str]:
        """Names of the metrics without labels that an entity has in any window kept."""
        names: set[str] = set()
        for source in self._sources.get(key, ()):
            for shape in {row.shape for row in self._rows.get(source, ())}:
                names.update(shape.plain_metrics(key))
        return sorted(names)

    def newest_ns(self, now_ns: int) -> int | None:
        """The newest window that is not in the future."""
        return max((window_ns for window_ns in list(self._windows) if window_ns <= now_ns + AHEAD_NS), default=None)

    def current(self, key: str, now_ns: int) -> Reading | None:
        """The newest metric set of an entity, None if it is not there now."""
        rows = self._current_rows(self._sources.get(key, ()), now_ns)
        return next(iter(_newest(reading for row in rows if (reading := row.reading(key)) is not None)), None)

    def latest(self, key: str) -> Reading | None:
        """The newest metric set of an entity that is kept, whether it is there now or not."""
        kept = (
            next((found for row in reversed(self._rows.get(source, ())) if (found := row.reading(key))), None)
            for source in self._sources.get(key, ())
        )
        return max((found for found in kept if found), key=lambda found: found.window_end_ns, default=None)

    def below(self, key: str, now_ns: int) -> list[Reading]:
        """The newest metric sets of all that is in a node, namespace or pod, itself left out."""
        everywhere = namespace_of(key) is not None
        sources = list(self._rows) if everywhere else self._sources.get(key, ())
        return _newest(reading for row in self._current_rows(sources, now_ns) for reading in row.below(key))

    def nodes(self, now_ns: int) -> list[Reading]:
        """Those of all nodes."""
        return self._of_sources(_NODE, now_ns)

    def namespaces(self, now_ns: int) -> list[Reading]:
        """Those of all namespaces."""
        return self._of_sources(_NAMESPACE, now_ns)

    def pods(self, now_ns: int) -> list[Reading]:
        """Those of all pods."""
        rows = self._current_rows(self._named(_NODE), now_ns)
        return _newest(reading for row in rows for reading in row.of_type(POD))

    def all(self, now_ns: int) -> list[Reading]:
        """Those of everything."""
        return _newest(reading for row in self._current_rows(list(self._rows), now_ns) for reading in row.readings())

    def node_keys(self) -> list[str]:
        """Keys of all nodes of which any window is kept, in order; current or not."""
        return sorted(self._named(_NODE))

    def windows(self, key: str) -> tuple[Window, ...]:
        """Those that are kept of a node, namespace or the cluster, in order of time."""
        return tuple(Window(row.window_end_ns, row.resolution_ns, row.answered(key)) for row in self._rows.get(key, ()))

    def state(self, now_ns: int) -> State:
        """How far the store is, and how complete its newest window."""
        newest_ns = self.newest_ns(now_ns)
        cluster = next(self._current_rows((CLUSTER,), now_ns), None)
        return State(
            newest_ns=newest_ns,
            resolution_ns=self._resolution_ns,
            nodes=sum(1 for _ in self._current_rows(self._named(_NODE), now_ns)),
            nodes_counted=0 if cluster is None else cluster.nodes_counted,
            nodes_expected=0 if cluster is None else cluster.nodes_expected,
            stale=newest_ns is None or newest_ns < now_ns - self.stale_after_ns(),
        )

    def stale_after_ns(self) -> int:
        """After how long a window is not current any more; long windows would be before the next one is there."""
        return max(self.stale_ns, _WINDOWS_BEHIND * self._resolution_ns)

    def _of_sources(self, prefix: str, now_ns: int) -> list[Reading]:
        rows = ((source, row) for source in self._named(prefix) for row in self._current_rows((source,), now_ns))
        return _newest(reading for source, row in rows if (reading := row.reading(source)) is not None)

    def _named(self, prefix: str) -> list[str]:
        return [source for source in list(self._rows) if source.startswith(prefix)]

    def _current_rows(self, sources: Iterable[str], now_ns: int) -> Iterator[Row]:
        """The newest row of each source, if it may stand for now."""
        newest_ns = self.newest_ns(now_ns)
        if newest_ns is None:
            return
        behind_ns = max(_WINDOWS_BEHIND * self._resolution_ns, _LEAST_BEHIND_NS)
        oldest_ns = max(newest_ns - behind_ns, now_ns - self.stale_after_ns())
        for source in sources:
            for row in reversed(self._rows.get(source, ())):
                if row.window_end_ns <= newest_ns:
                    if row.window_end_ns >= oldest_ns:
                        yield row
                    break

    def _replace(self, source: str, rows: tuple[Row, ...]) -> None:
        """Other rows for a source, and the places of its entities' keys with them."""
        self.revision += 1
        before = {row.shape for row in self._rows.get(source, ())}
        after = {row.shape for row in rows}
        if rows:
            self._rows[source] = rows
        else:
            self._rows.pop(source, None)
        if before != after:
            self._move(source, _keys(before), _keys(after))

    def _move(self, source: str, before: set[str], after: set[str]) -> None:
        for key in after - before:
            self._sources[key] = (*self._sources.get(key, ()), source)
        for key in before - after:
            left = tuple(other for other in self._sources[key] if other != source)
            if left:
                self._sources[key] = left
            else:
                del self._sources[key]


def _keys(shapes: Iterable[Shape]) -> set[str]:
    return {key for shape in shapes for key in shape.keys}


def _shape(packed: Packed, rows: Iterable[Row]) -> Shape:
    """The shape of a batch: one of the rows' if it is the same."""
    like = None
    for row in rows:
        like = row.shape
        if like.digest == packed.digest:
            return like
    return unpack_shape(packed, like)


def _newest(readings: Iterable[Reading]) -> list[Reading]:
    """In the order of keys; where an entity is in several places, it has moved: the newest counts."""
    newest: dict[str, Reading] = {}
    for reading in readings:
        other = newest.get(reading.key)
        if other is None or other.window_end_ns < reading.window_end_ns:
            newest[reading.key] = reading
    return [newest[key] for key in sorted(newest)]
