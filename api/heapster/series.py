"""Series: what the model API answers, as Heapster wrote it down."""

import json
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite
from typing import Final

from api.http.pieces import enclosed
from api.store.batch_schema import Labels
from api.store.row import Point
from api.store.times import NO_TIME, time_text
from schemas.catalogue import Number

OLD_NAMES: Final = {
    "cpu-usage": "cpu/usage_rate",
    "cpu-limit": "cpu/limit",
    "memory-limit": "memory/limit",
    "memory-usage": "memory/usage",
    "memory-working": "memory/working_set",
}
_NEXT: Final = ",\n    "
_EMPTY: Final = f'{{\n  "metrics": [],\n  "latestTimestamp": "{NO_TIME}"\n }}'


def parse_labels(text: str | None) -> Labels:
    """`k:v,k2:v2`, each pair split at its first colon. Raises ValueError: a pair without colon, key or value."""
    pairs = {}
    for pair in (text or "").split(",") if text else ():
        name, _, value = pair.partition(":")
        if not name or not value:
            raise ValueError(f'invalid label pair "{pair}"')
        pairs[name] = value
    return tuple(sorted(pairs.items()))


def series_text(points: Sequence[Point]) -> str:
    """One series, indented."""
    if not points:
        return _EMPTY
    metrics = ",\n".join(
        f'   {{\n    "timestamp": "{time_text(point.time_ns)}",\n    {_value(point.value, _NEXT, ": ")}\n   }}'
        for point in points
    )
    latest = time_text(points[-1].time_ns)
    return f'{{\n  "metrics": [\n{metrics}\n  ],\n  "latestTimestamp": "{latest}"\n }}'


def list_text(series: Iterable[Sequence[Point]]) -> Iterator[str]:
    """Several series, compact, in pieces."""
    items = (_compact(points) for points in series)
    return enclosed(items, begin='{"items":[', comma=",", end="]}\n", empty='{"items":[]}\n')


def names_text(names: Iterable[str | None]) -> Iterator[str]:
    """A list of names, in pieces; as `indented` would have it."""
    quoted = (None if name is None else json.dumps(name, ensure_ascii=False) for name in names)
    return enclosed(quoted, begin="[\n  ", comma=",\n  ", end="\n ]", empty="[]")


def indented(document: object) -> str:
    """JSON as Heapster indents it: every line but the first begins with one more space."""
    return json.dumps(document, indent=1, ensure_ascii=False).replace("\n", "\n ")


def _compact(points: Sequence[Point]) -> str:
    metrics = ",".join(
        f'{{"timestamp":"{time_text(point.time_ns)}",{_value(point.value, ",", ":")}}}' for point in points
    )
    latest = time_text(points[-1].time_ns) if points else NO_TIME
    return f'{{"metrics":[{metrics}],"latestTimestamp":"{latest}"}}'


def _value(value: Number, comma: str, colon: str) -> str:
    """`value` is a whole number of 0 or more, as ever; a float stands beside it as it is."""
    if isinstance(value, int):
        return f'"value"{colon}{max(0, value)}'
    if not isfinite(value):
        return f'"value"{colon}0'
    return f'"value"{colon}{max(0, int(value))}{comma}"floatValue"{colon}{value!r}'
