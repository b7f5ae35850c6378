"""Readings: one block of the kubelet's JSON to the metric values of its entity (docs/metrics.md, the catalogue).

A number that is absent or null leaves its metric absent; accelerators alone read as 0, as Heapster has them.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from processor.core import labels
from processor.core.entity import Entity
from processor.core.json_block import Block
from processor.core.problems import Problem, Problems
from processor.core.timestamps import whole_ms
from schemas.catalogue import MAX_INT, Number
from schemas.catalogue import custom as custom_metric
from schemas.metric_batch import LabeledValues

UPTIME: Final = "uptime"
EPHEMERAL_STORAGE: Final = "ephemeral_storage/usage"
CPU: Final = {"cpu/usage": "usageCoreNanoSeconds"}
MEMORY: Final = {
    "memory/usage": "usageBytes",
    "memory/working_set": "workingSetBytes",
    "memory/rss": "rssBytes",
    "memory/page_faults": "pageFaults",
    "memory/major_page_faults": "majorPageFaults",
}
NETWORK: Final = {
    "network/rx": "rxBytes",
    "network/rx_errors": "rxErrors",
    "network/tx": "txBytes",
    "network/tx_errors": "txErrors",
}
FILESYSTEM: Final = {
    "filesystem/usage": "usedBytes",
    "filesystem/limit": "capacityBytes",
    "filesystem/available": "availableBytes",
    "filesystem/inodes": "inodes",
    "filesystem/inodes_free": "inodesFree",
}
ACCELERATOR: Final = {
    "accelerator/memory_total": "memoryTotal",
    "accelerator/memory_used": "memoryUsed",
    "accelerator/duty_cycle": "dutyCycle",
}
CUSTOM_TYPES: Final = frozenset({"gauge", "cumulative", "delta"})


def uptime(entity: Entity, scraped_at_ns: int) -> None:
    """Milliseconds since the entity's start, by the time of the scrape."""
    if entity.collection_start_ns is not None:
        entity.values[UPTIME] = whole_ms(scraped_at_ns - entity.collection_start_ns)


def cpu(entity: Entity, block: Block) -> None:
    """`.cpu` of a node, pod or container."""
    _read(entity, block, CPU)


def memory(entity: Entity, block: Block) -> None:
    """`.memory` of a node, pod or container."""
    _read(entity, block, MEMORY)


def network(entity: Entity, block: Block) -> None:
    """`.network` of a node or pod: its default interface."""
    _read(entity, block, NETWORK)


def filesystem(entity: Entity, block: Block, resource_id: str) -> int | None:
    """A file system of a node or container, or a pod's volume; the bytes used, where known."""
    values = block.numbers(FILESYSTEM)
    _label(entity, {labels.RESOURCE_ID: resource_id}, values)
    return values.get("filesystem/usage")


def ephemeral_storage(entity: Entity, problems: Problems, *used_bytes: int | None) -> None:
    """What an entity uses of its node's disk, in one or several parts; absent unless all are known."""
    known_bytes = [part_bytes for part_bytes in used_bytes if part_bytes is not None]
    if len(known_bytes) < len(used_bytes):
        return
    if sum(known_bytes) > MAX_INT:
        problems[Problem.SUM_PAST_64_BITS] += 1
        return
    entity.values[EPHEMERAL_STORAGE] = sum(known_bytes)


def accelerators(entity: Entity, blocks: Iterable[Block]) -> None:
    """`.accelerators[]` of a container."""
    for block in blocks:
        own = {
            labels.MAKE: block.text("make"),
            labels.MODEL: block.text("model"),
            labels.ACCELERATOR_ID: block.text("id"),
        }
        _label(entity, own, block.numbers(ACCELERATOR, missing=0))


def custom(entity: Entity, blocks: Iterable[Block], problems: Problems) -> None:
    """`.userDefinedMetrics[]` of a container: always floats; the last one of a name wins."""
    for block in blocks:
        name, value = block.text("name"), block.real("value")
        if block.text("type") not in CUSTOM_TYPES:
            problems[Problem.UNKNOWN_CUSTOM_TYPE] += 1
        elif name and value is not None:
            entity.values[custom_metric(name)] = value


def _read(entity: Entity, block: Block, fields: Mapping[str, str]) -> None:
    entity.values.update(block.numbers(fields))


def _label(entity: Entity, own: Mapping[str, str], values: Mapping[str, Number]) -> None:
    if values:
        entity.labeled.append(LabeledValues(own, values))
