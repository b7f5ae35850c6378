"""Tables: which rows of a list are on screen, and what stands in them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from api.store.row import Reading
from api.store.snapshot import NamespaceState, NodeState
from api.store.times import NS_PER_MS
from schemas.keys import name_of

Cell: TypeAlias = str | int | float | None
_Item = TypeVar("_Item")
Columns: TypeAlias = Mapping[str, Callable[[_Item], Cell]]
"""What each column shows of an item; None where there is nothing to show."""

NAME: Final = "name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which rows: those whose text contains `text`, sorted, `limit` of them from the one at `offset` on."""

    text: str = ""
    sort: str = NAME
    descending: bool = False
    offset: int = 0
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows on screen, and how many there are in all."""

    total: int
    rows: list[dict[str, Cell]]


def rows_of(items: Iterable[_Item], columns: Columns[_Item], wanted: Wanted, *, text: Callable[[_Item], str]) -> Rows:
    """The rows that are wanted; items come in the order of their names. What has no value comes last.

    Raises:
        ValueError: there is no such column to sort by.
    """
    if wanted.sort not in columns:
        raise ValueError(f"sort={wanted.sort}: not one of {', '.join(columns)}")
    part = wanted.text.casefold()
    found = [item for item in items if part in text(item).casefold()] if part else list(items)
    value = columns[wanted.sort]
    known: list[tuple[Cell, _Item]] = []
    unknown: list[_Item] = []
    for item in found:
        cell = value(item)
        if cell is None:
            unknown.append(item)
        else:
            known.append((cell, item))
    known.sort(key=lambda pair: pair[0], reverse=wanted.descending)  # type: ignore[arg-type,return-value]
    shown = [*(item for _, item in known), *unknown][wanted.offset : wanted.offset + wanted.limit]
    return Rows(len(found), [{name: cell(item) for name, cell in columns.items()} for item in shown])


def _metric(metric: str) -> Callable[[Reading], Cell]:
    return lambda reading: reading.value(metric)


def _of_node(metric: str) -> Callable[[NodeState], Cell]:
    return lambda node: None if node.reading is None else node.reading.value(metric)


def _of_namespace(metric: str) -> Callable[[NamespaceState], Cell]:
    return lambda namespace: namespace.reading.value(metric)


NODE_COLUMNS: Final[Columns[NodeState]] = {
    NAME: lambda node: name_of(node.key),
    "cpu": _of_node("cpu/usage_rate"),
    "cpu_utilization": _of_node("cpu/node_utilization"),
    "cpu_request": _of_node("cpu/request"),
    "cpu_reservation": _of_node("cpu/node_reservation"),
    "cpu_allocatable": _of_node("cpu/node_allocatable"),
    "memory": _of_node("memory/usage"),
    "memory_utilization": _of_node("memory/node_utilization"),
    "memory_request": _of_node("memory/request"),
    "memory_reservation": _of_node("memory/node_reservation"),
    "memory_allocatable": _of_node("memory/node_allocatable"),
    "pods": lambda node: node.pods if node.reading is not None else None,
    "newest_ms": lambda node: node.newest_ns // NS_PER_MS,
    "missing": lambda node: node.missing,
}

NAMESPACE_COLUMNS: Final[Columns[NamespaceState]] = {
    NAME: lambda namespace: name_of(namespace.reading.key),
    "pods": lambda namespace: namespace.pods,
    "cpu": _of_namespace("cpu/usage_rate"),
    "cpu_request": _of_namespace("cpu/request"),
    "cpu_limit": _of_namespace("cpu/limit"),
    "memory": _of_namespace("memory/usage"),
    "memory_request": _of_namespace("memory/request"),
    "memory_limit": _of_namespace("memory/limit"),
}

CONTAINER_COLUMNS: Final[Columns[Reading]] = {
    NAME: lambda reading: name_of(reading.key),
    "key": lambda reading: reading.key,
    "cpu": _metric("cpu/usage_rate"),
    "cpu_request": _metric("cpu/request"),
    "cpu_limit": _metric("cpu/limit"),
    "memory": _metric("memory/working_set"),
    "memory_request": _metric("memory/request"),
    "memory_limit": _metric("memory/limit"),
    "restarts": _metric("restart_count"),
}

POD_COLUMNS: Final[Columns[Reading]] = {
    **CONTAINER_COLUMNS,
    "namespace": lambda reading: reading.entity.label("namespace_name"),
    "node": lambda reading: reading.entity.label("nodename"),
    "rx_rate": _metric("network/rx_rate"),
    "tx_rate": _metric("network/tx_rate"),
}
