"""A snapshot of the store: one consistent view, computed once and shared by several requests."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final

from api.store.current_view import CurrentView, Listed, State
from api.store.row import Reading
from api.store.store import Store, Window
from api.store.times import NS_PER_S
from schemas.catalogue import CLUSTER, POD_CONTAINER, SYS_CONTAINER
from schemas.keys import node_key
from schemas.metric_batch import namespace_group

_RENEWED_NS: Final = 2 * NS_PER_S
_KEPT_NS: Final = 15 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeState:
    """One node, also one that no longer answers."""

    key: str
    reading: Reading | None  # None: no current metrics
    newest_ns: int  # end of the newest window
    missing: int  # windows without an answer since the first kept one
    pods: int


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """One namespace."""

    reading: Reading
    pods: int


class Snapshot:
    """The content of a store at `now_ns`."""

    def __init__(self, store: Store, now_ns: int) -> None:
        """Compute nothing before it is needed."""
        self.store = store
        self.view = CurrentView(store, now_ns)
        self.now_ns = now_ns
        self.revision = store.revision

    @property
    def edition(self) -> str:
        """An identifier of this snapshot."""
        return f"{self.now_ns:x}"

    @cached_property
    def state(self) -> State:
        """How current the store is."""
        return self.view.state()

    @cached_property
    def cluster(self) -> Reading | None:
        """The sums over all nodes."""
        return self.view.current(CLUSTER)

    @cached_property
    def pods(self) -> list[Reading]:
        """All current pods."""
        return _found(self.view.pods())

    @cached_property
    def namespaces(self) -> list[NamespaceState]:
        """All current namespaces."""
        pods = Counter(namespace_group(reading.entity.label("namespace_name")) for reading in self.pods)
        return [NamespaceState(reading, pods[reading.key]) for reading in _found(self.view.namespaces())]

    @property
    def due_ns(self) -> int:
        """The end of the window in which every node should have answered; the newest may still be incomplete."""
        newest_ns, resolution_ns = self.state.newest_ns or 0, self.state.resolution_ns
        return newest_ns if self.now_ns - newest_ns >= resolution_ns else newest_ns - resolution_ns

    @cached_property
    def nodes(self) -> list[NodeState]:
        """All nodes of the last fifteen minutes."""
        readings = {reading.key: reading for reading in _found(self.view.nodes())}
        pods = Counter(node_key(reading.entity.label("nodename")) for reading in self.pods)
        kept = ((key, self.store.windows(key)) for key in self.store.node_keys())
        return [
            NodeState(
                key=key,
                reading=readings.get(key),
                newest_ns=windows[-1].end_ns,
                missing=sum(1 for _, answered in scrapes(windows, self.due_ns) if not answered),
                pods=pods[key],
            )
            for key, windows in kept
            if windows
        ]


def pods_of(snapshot: Snapshot, namespace: str = "", node: str = "") -> list[Reading]:
    """Return the pods of a namespace, of a node, or of both; all pods without either."""
    wanted = [(name, value) for name, value in (("namespace_name", namespace), ("nodename", node)) if value]
    return [pod for pod in snapshot.pods if all(pod.entity.label(name) == value for name, value in wanted)]


def containers_of(snapshot: Snapshot, key: str) -> list[Reading]:
    """Return the containers of a pod, or the system containers of a node."""
    below = _found(snapshot.view.below(key))
    return [reading for reading in below if reading.entity.type in {POD_CONTAINER, SYS_CONTAINER}]


def _found(listed: Listed) -> list[Reading]:
    return [reading for reading in listed if reading is not None]


def scrapes(windows: Sequence[Window], due_ns: int) -> Iterator[tuple[int, bool]]:
    """Yield each window from the first kept one to the one ending at `due_ns`, and whether it was answered."""
    for earlier, later in pairwise(windows):
        yield earlier.end_ns, earlier.answered
        resolution_ns = max(earlier.resolution_ns, later.resolution_ns)
        for end_ns in range(earlier.end_ns + resolution_ns, later.end_ns - resolution_ns + 1, resolution_ns):
            yield end_ns, False
    last = windows[-1]
    yield last.end_ns, last.answered
    for end_ns in range(last.end_ns + last.resolution_ns, due_ns + 1, last.resolution_ns):
        yield end_ns, False


class Snapshots:
    """Provides the snapshot for a request: reused while nothing has changed, and for some seconds in any case."""

    def __init__(self, store: Store) -> None:
        """Start without a snapshot."""
        self._store = store
        self._newest: Snapshot | None = None

    def at(self, now_ns: int) -> Snapshot:
        """Return a snapshot that is recent enough at `now_ns`."""
        newest = self._newest
        if newest is not None:
            age_ns = now_ns - newest.now_ns
            changed = newest.revision != self._store.revision
            if 0 <= age_ns < (_RENEWED_NS if changed else _KEPT_NS):
                return newest
        self._newest = Snapshot(self._store, now_ns)
        return self._newest
