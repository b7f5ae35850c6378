"""Summary fields: one block of the kubelet's JSON to metric values of its entity (docs/metrics.md, the catalogue).

A metric is absent if its number is absent or null. Accelerators are the exception: as in Heapster they are 0 then.
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
    """Set the milliseconds from the entity's start to the scrape; absent without a start time."""
    if entity.collection_start_ns is not None:
        entity.values[UPTIME] = whole_ms(scraped_at_ns - entity.collection_start_ns)


def cpu(entity: Entity, block: Block) -> None:
    """Read `.cpu` of a node, pod or container."""
    _read(entity, block, CPU)


def memory(entity: Entity, block: Block) -> None:
    """Read `.memory` of a node, pod or container."""
    _read(entity, block, MEMORY)


def network(entity: Entity, block: Block) -> None:
    """Read `.network` of a node or pod: its default interface."""
    _read(entity, block, NETWORK)


def filesystem(entity: Entity, block: Block, resource_id: str, claim: str = "") -> int | None:
    """Read a file system of a node or container, or a pod's volume and its claim; returns the bytes used, if known."""
    values = block.numbers(FILESYSTEM)
    own_labels = {labels.RESOURCE_ID: resource_id}
    if claim:
        own_labels[labels.PVC] = claim
    _add_labeled(entity, own_labels, values)
    return values.get("filesystem/usage")


def ephemeral_storage(entity: Entity, problems: Problems, *used_bytes: int | None) -> None:
    """Set an entity's use of its node's disk, the sum of one or more parts; absent unless all parts are known."""
    known_bytes = [part_bytes for part_bytes in used_bytes if part_bytes is not None]
    if len(known_bytes) < len(used_bytes):
        return
    if sum(known_bytes) > MAX_INT:
        problems[Problem.SUM_PAST_64_BITS] += 1
        return
    entity.values[EPHEMERAL_STORAGE] = sum(known_bytes)


def accelerators(entity: Entity, blocks: Iterable[Block]) -> None:
    """Read `.accelerators[]` of a container."""
    for block in blocks:
        own_labels = {
            labels.MAKE: block.text("make"),
            labels.MODEL: block.text("model"),
            labels.ACCELERATOR_ID: block.text("id"),
        }
        _add_labeled(entity, own_labels, block.numbers(ACCELERATOR, missing=0))


def custom(entity: Entity, blocks: Iterable[Block], problems: Problems) -> None:
    """Read `.userDefinedMetrics[]` of a container: always floats; the last value of a name wins."""
    for block in blocks:
        name, value = block.text("name"), block.real("value")
        if block.text("type") not in CUSTOM_TYPES:
            problems[Problem.UNKNOWN_CUSTOM_TYPE] += 1
        elif name and value is not None:
            entity.values[custom_metric(name)] = value


def _read(entity: Entity, block: Block, fields: Mapping[str, str]) -> None:
    entity.values.update(block.numbers(fields))


def _add_labeled(entity: Entity, own_labels: Mapping[str, str], values: Mapping[str, Number]) -> None:
    if values:
        entity.labeled.append(LabeledValues(own_labels, values))
