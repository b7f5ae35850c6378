"""Counters of a node's entities and disks, written as columns: the format of `node_sample` from version 4 on."""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeAlias, cast

from schemas.catalogue import BY_NAME, BY_NUMBER
from schemas.codec import Record, UndecodableError

_NUMBER_BYTES: Final = 8
_SHAPES_KEPT: Final = 1024


class EntitySample(NamedTuple):
    """The counters of one entity at the sample time that the kubelet reports."""

    key: str
    scrape_ns: int
    start_ns: int | None
    counters: Mapping[str, int]  # by metric name; only those in `catalogue.RATED_COUNTERS`


DiskKey: TypeAlias = tuple[str, str]
"""Key of an entity and `resource_id` of one of its disks."""

_Names: TypeAlias = tuple[str | None, ...]
_Shape: TypeAlias = tuple[bool, bool, tuple[str, ...]]
"""Whether the sample is of a disk, whether it has a start time, and its metrics."""


def counter_columns(entities: Iterable[EntitySample], disks: Mapping[DiskKey, EntitySample]) -> dict[str, object]:
    """The fields `shapes`, `rows`, `texts` and `numbers` of the record.

    Raises:
        ValueError: a number needs more than 64 bits.
    """
    shapes: dict[_Shape, int] = {}
    rows: list[int] = []
    texts: list[str] = []
    numbers: list[int] = []

    def add(sample: EntitySample, *, disk: bool) -> None:
        shape = disk, sample.start_ns is not None, tuple(sample.counters)
        rows.append(shapes.setdefault(shape, len(shapes)))
        numbers.append(sample.scrape_ns)
        if sample.start_ns is not None:
            numbers.append(sample.start_ns)
        numbers.extend(sample.counters.values())

    for entity in entities:
        texts.append(entity.key)
        add(entity, disk=False)
    for key, disk in disks.items():
        texts.extend(key)
        add(disk, disk=True)
    try:
        packed = struct.pack(f"<{len(numbers)}q", *numbers)
    except struct.error as error:
        raise ValueError(f"node_sample: does not fit the schema: {error}") from error
    return {"shapes": [_record(*shape) for shape in shapes], "rows": rows, "texts": texts, "numbers": packed}


def counters_of(record: Record) -> tuple[dict[str, EntitySample], dict[DiskKey, EntitySample]]:
    """Read the counters of entities and of disks. Metrics that are not in this catalogue version are left out.

    Raises:
        UndecodableError: the columns do not fit the shapes.
    """
    fields = cast("dict[str, Any]", record)
    shapes = [(each["disk"], each["started"], _names(tuple(each["metrics"]))) for each in fields["shapes"]]
    try:
        rows = [shapes[row] for row in fields["rows"]]
        column = struct.unpack(f"<{len(fields['numbers']) // _NUMBER_BYTES}q", fields["numbers"])
    except (IndexError, struct.error) as error:
        raise UndecodableError(f"node_sample: damaged body: {error}") from error
    expected = sum(1 + disk for disk, _, _ in rows), sum(1 + started + len(names) for _, started, names in rows)
    if expected != (len(fields["texts"]), len(column)):
        raise UndecodableError("node_sample: damaged body: rows and columns do not fit")
    texts, numbers = iter(fields["texts"]), iter(column)
    entities: dict[str, EntitySample] = {}
    disks: dict[DiskKey, EntitySample] = {}
    for disk, started, names in rows:
        key = next(texts)
        scrape_ns, start_ns = next(numbers), next(numbers) if started else None
        # the names come first: after the last name zip takes no further number
        counters = dict(zip(names, numbers, strict=False))
        counters.pop(None, None)
        sample = EntitySample(key, scrape_ns, start_ns, cast("dict[str, int]", counters))
        if disk:
            disks[key, next(texts)] = sample
        else:
            entities[key] = sample
    return entities, disks


@lru_cache(maxsize=_SHAPES_KEPT)
def _record(disk: bool, started: bool, metrics: tuple[str, ...]) -> dict[str, object]:  # noqa: FBT001 - the fields of a shape
    return {"disk": disk, "started": started, "metrics": [BY_NAME[name].number for name in metrics]}


@lru_cache(maxsize=_SHAPES_KEPT)
def _names(numbers: tuple[int, ...]) -> _Names:
    return tuple([BY_NUMBER[number].name if number in BY_NUMBER else None for number in numbers])
