"""Census: what is there at one moment, found once and looked at by every question of that moment."""

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
    """One node, also one that has fallen silent."""

    key: str
    reading: Reading | None  # None: nothing of it may stand for now
    newest_ns: int  # end of its newest window
    missing: int  # windows without an answer, since the first one kept
    pods: int


@dataclass(frozen=True, slots=True)
class NamespaceState:
    """One namespace."""

    reading: Reading
    pods: int


class Snapshot:
    """What a store had to say at `now_ns`."""

    def __init__(self, store: Store, now_ns: int) -> None:
        """Nothing is looked up before it is asked for."""
        self.store = store
        self.moment = CurrentView(store, now_ns)
        self.now_ns = now_ns
        self.revision = store.revision

    @property
    def edition(self) -> str:
        """Names this census among all others."""
        return f"{self.now_ns:x}"

    @cached_property
    def state(self) -> State:
        """How far the store is."""
        return self.moment.state()

    @cached_property
    def cluster(self) -> Reading | None:
        """The sums over all nodes."""
        return self.moment.current(CLUSTER)

    @cached_property
    def pods(self) -> list[Reading]:
        """All pods."""
        return _found(self.moment.pods())

    @cached_property
    def namespaces(self) -> list[NamespaceState]:
        """All namespaces."""
        pods = Counter(namespace_group(reading.entity.label("namespace_name")) for reading in self.pods)
        return [NamespaceState(reading, pods[reading.key]) for reading in _found(self.moment.namespaces())]

    @property
    def due_ns(self) -> int:
        """End of the window that everybody should have been heard in; the newest may still be on its way."""
        newest_ns, resolution_ns = self.state.newest_ns or 0, self.state.resolution_ns
        return newest_ns if self.now_ns - newest_ns >= resolution_ns else newest_ns - resolution_ns

    @cached_property
    def nodes(self) -> list[NodeState]:
        """All nodes of the last fifteen minutes."""
        readings = {reading.key: reading for reading in _found(self.moment.nodes())}
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


def pods_of(census: Snapshot, namespace: str = "", node: str = "") -> list[Reading]:
    """The pods of a namespace, on a node, of a namespace on a node; without either all."""
    wanted = [(name, value) for name, value in (("namespace_name", namespace), ("nodename", node)) if value]
    return [pod for pod in census.pods if all(pod.entity.label(name) == value for name, value in wanted)]


def containers_of(census: Snapshot, key: str) -> list[Reading]:
    """The containers of a pod, or the system containers of a node."""
    below = _found(census.moment.below(key))
    return [reading for reading in below if reading.entity.type in {POD_CONTAINER, SYS_CONTAINER}]


def _found(listed: Listed) -> list[Reading]:
    return [reading for reading in listed if reading is not None]


def scrapes(windows: Sequence[Window], due_ns: int) -> Iterator[tuple[int, bool]]:
    """Windows from the first one that is kept to the one that ends at `due_ns`, and whether each was answered."""
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
    """The census to answer from: the last one while nothing has changed, and for some seconds in any case."""

    def __init__(self, store: Store) -> None:
        """None has been taken."""
        self._store = store
        self._newest: Snapshot | None = None

    def at(self, now_ns: int) -> Snapshot:
        """One that is good enough for now."""
        newest = self._newest
        if newest is not None:
            age_ns = now_ns - newest.now_ns
            changed = newest.revision != self._store.revision
            if 0 <= age_ns < (_RENEWED_NS if changed else _KEPT_NS):
                return newest
        self._newest = Snapshot(self._store, now_ns)
        return self._newest
