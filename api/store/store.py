"""The store: the newest fifteen minutes of all metric sets, by node, namespace and cluster.

A key is Heapster's, such as `namespace:default/pod:web-1`; times are nanoseconds since the epoch.

    store.series(key, metric, labels, start_ns, end_ns)   the points of one series, in order
    store.metric_names(key)                               the metrics of an entity
    store.latest(key)                                     the newest kept metric set, current or not
    store.node_keys(), store.windows(key)                 all kept nodes, and the windows of one of them
    CurrentView(store, now_ns)                            the current state (current_view.py)

One thread writes, any thread reads: a row is replaced as a whole.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from api.store.batch_schema import BatchSchema, Labels, read_schema
from api.store.packed_batch import PackedBatch
from api.store.row import Point, Reading, Row
from api.store.times import NS_PER_S
from schemas.keys import node_key

SPAN_NS: Final = 15 * 60 * NS_PER_S
NODE: Final = node_key("")  # prefix of the keys of nodes


class Window(NamedTuple):
    """One window of a node or group."""

    end_ns: int
    resolution_ns: int
    answered: bool  # it has metrics besides those of a failed scrape


class Store:
    """Rows by source (node, namespace or cluster); see the module's docstring."""

    def __init__(self, *, span_ns: int = SPAN_NS) -> None:
        """Start empty; windows are kept for `span_ns`."""
        self.span_ns = span_ns
        self._rows: dict[str, tuple[Row, ...]] = {}  # by source, in order of time
        self._sources: dict[str, tuple[str, ...]] = {}  # entity key to the sources that contain it
        self._windows: Counter[int] = Counter()
        self.resolution_ns = 60 * NS_PER_S
        self.revision = 0  # changes with every write and expiry

    def put(self, packed: PackedBatch, now_ns: int) -> bool:
        """Store a batch; batches may arrive in any order.

        Return False if it is ignored: outside of the span, or of a lower version than the stored one of its window.
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
            schema=_schema(packed, rows[at - 1 : at] + rows[at : at + 1] + rows[-1:]),
            block=packed.block,
        )
        self._replace(packed.source, (*rows[:at], row, *rows[at + len(replaced) :]))
        self._windows[row.window_end_ns] += 1 - len(replaced)
        self.resolution_ns = packed.resolution_ns
        return True

    def expire(self, now_ns: int) -> None:
        """Drop windows older than the span, and sources without windows."""
        for source, rows in list(self._rows.items()):
            gone = [row for row in rows if row.window_end_ns <= now_ns - self.span_ns]  # rows are in order of time
            if gone:
                self._replace(source, rows[len(gone) :])
                self._windows -= Counter(row.window_end_ns for row in gone)  # Counter drops entries that reach zero

    def series(
        self, key: str, metric: str, labels: Labels = (), start_ns: int | None = None, end_ns: int | None = None
    ) -> list[Point]:
        """Return the points from `start_ns` to `end_ns`, both included; empty for an unknown entity or metric."""
        found: dict[int, Point] = {}
        for source in self.sources_of(key):
            for row in self.rows(source):
                if (start_ns is None or row.window_end_ns >= start_ns) and (
                    end_ns is None or row.window_end_ns <= end_ns
                ):
                    value = row.value(key, metric, labels)
                    if value is not None:
                        found[row.window_end_ns] = Point(row.window_end_ns, value)
        return [found[time_ns] for time_ns in sorted(found)]

    def metric_names(self, key: str) -> list[str]:
        """Return the names of the metrics without labels that an entity has in any kept window."""
        names: set[str] = set()
        for source in self.sources_of(key):
            for schema in {row.schema for row in self.rows(source)}:
                names.update(schema.plain_metrics(key))
        return sorted(names)

    def latest(self, key: str) -> Reading | None:
        """Return the newest kept metric set of an entity, current or not."""
        kept = (
            next((found for row in reversed(self.rows(source)) if (found := row.reading(key))), None)
            for source in self.sources_of(key)
        )
        return max((found for found in kept if found), key=lambda found: found.window_end_ns, default=None)

    def node_keys(self) -> list[str]:
        """Return the keys of all nodes with a kept window, sorted; current or not."""
        return sorted(self.sources(NODE))

    def windows(self, key: str) -> tuple[Window, ...]:
        """Return the kept windows of a node, namespace or the cluster, in order of time."""
        return tuple(Window(row.window_end_ns, row.resolution_ns, row.answered(key)) for row in self.rows(key))

    def newest_ns(self, until_ns: int) -> int | None:
        """Return the newest window end that is not after `until_ns`."""
        return max((window_ns for window_ns in list(self._windows) if window_ns <= until_ns), default=None)

    def sources(self, prefix: str = "") -> list[str]:
        """Return the sources whose keys start with the prefix."""
        return [source for source in list(self._rows) if source.startswith(prefix)]

    def sources_of(self, key: str) -> tuple[str, ...]:
        """Return the sources that contain an entity: several if it has moved."""
        return self._sources.get(key, ())

    def rows(self, source: str) -> tuple[Row, ...]:
        """Return the kept rows of a source, in order of time."""
        return self._rows.get(source, ())

    def _replace(self, source: str, rows: tuple[Row, ...]) -> None:
        """Replace the rows of a source and update the index of its entities."""
        self.revision += 1
        before = {row.schema for row in self.rows(source)}
        after = {row.schema for row in rows}
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


def _keys(schemas: Iterable[BatchSchema]) -> set[str]:
    return {key for schema in schemas for key in schema.keys}


def _schema(packed: PackedBatch, rows: Iterable[Row]) -> BatchSchema:
    """Return the schema of a batch, shared with the source's other rows if equal."""
    like = None
    for row in rows:
        like = row.schema
        if like.digest == packed.digest:
            return like
    return read_schema(packed.digest, packed.schema, like)
