"""Finding: nodes, namespaces and pods by a part of their name."""

from collections.abc import Iterator
from dataclasses import dataclass
from heapq import nsmallest
from typing import Final

from api.store.snapshot import Snapshot
from schemas.catalogue import NAMESPACE, NODE, POD, EntityType
from schemas.keys import name_of

_MOST: Final = 20


@dataclass(frozen=True, slots=True)
class Hit:
    """Something that was found; `namespace` is a pod's."""

    type: EntityType
    name: str
    namespace: str = ""


def find(snapshot: Snapshot, text: str) -> list[Hit]:
    """The best ones: whole names first, then beginnings, then what contains the text; short names first."""
    part = text.strip().casefold()
    if not part:
        return []
    hits = (hit for hit in _all(snapshot) if part in _text(hit))
    return nsmallest(_MOST, hits, key=lambda hit: (_rank(hit, part), len(hit.name), hit.name, hit.namespace))


def _all(snapshot: Snapshot) -> Iterator[Hit]:
    for node in snapshot.nodes:
        yield Hit(NODE, name_of(node.key))
    for namespace in snapshot.namespaces:
        yield Hit(NAMESPACE, name_of(namespace.reading.key))
    for pod in snapshot.pods:
        yield Hit(POD, name_of(pod.key), pod.entity.label("namespace_name"))


def _text(hit: Hit) -> str:
    return f"{hit.namespace}/{hit.name}".casefold() if hit.namespace else hit.name.casefold()


def _rank(hit: Hit, part: str) -> int:
    name = hit.name.casefold()
    if name == part:
        return 0
    return 1 if name.startswith(part) else 2
