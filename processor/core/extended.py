"""Extended: what a Summary reports and Heapster never took: swap, pressure, processes, interfaces (docs/metrics.md).

A second look at the document, on demand: what `decode` makes of it does not change, but for the network of an entity
whose default interface the kubelet does not know. Heapster had none for it, here it is the sum over all interfaces.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from processor.core import labels
from processor.core.decode import SYS_CONTAINER_NAMES
from processor.core.entity import Entities, Entity
from processor.core.json_block import Block, parse_document
from processor.core.problems import Problem, Problems
from processor.core.summary_fields import NETWORK
from schemas.catalogue import MAX_INT
from schemas.keys import node_key, pod_container_key, pod_key, sys_container_key
from schemas.metric_batch import LabeledValues
from schemas.node_scrape import NodeScrape

SWAP: Final = {"memory/swap_usage": "swapUsageBytes", "memory/swap_available": "swapAvailableBytes"}
NODE_PROCESSES: Final = {"process/count": "curproc", "process/limit": "maxpid"}
POD_PROCESSES: Final = {"process/count": "process_count"}
INTERFACE: Final = {f"network/interface_{metric.partition('/')[2]}": field for metric, field in NETWORK.items()}
UNDER_PRESSURE: Final = ("cpu", "memory", "io")
WAITING: Final = ("some", "full")  # some of the tasks, all of them
AVERAGES: Final = ("avg10", "avg60", "avg300")


def add_extended(entities: Entities, scrape: NodeScrape, problems: Problems) -> None:
    """Add to the entities of a scrape that was answered. What cannot be read is left out and counted.

    Raises:
        UndecodableError: the document is not JSON, or no object.
    """
    document = Block(parse_document(scrape.document or b"", Counter()), problems)
    node = document.block("node")
    _node(entities[node_key(scrape.node)], node, problems)
    for container in node.blocks("systemContainers"):
        name = container.text("name")
        _container(entities, sys_container_key(scrape.node, SYS_CONTAINER_NAMES.get(name, name)), container)
    for pod in document.blocks("pods"):
        reference = pod.block("podRef")
        namespace, name = reference.text("namespace"), reference.text("name")
        entity = entities.get(pod_key(namespace, name))
        if entity is not None:
            _pod(entity, pod, problems)
        for container in pod.blocks("containers"):
            _container(entities, pod_container_key(namespace, name, container.text("name")), container)


def _node(entity: Entity, node: Block, problems: Problems) -> None:
    _everywhere(entity, node)
    _read(entity, node.block("rlimit"), NODE_PROCESSES)
    _network(entity, node.block("network").blocks("interfaces"), problems)


def _pod(entity: Entity, pod: Block, problems: Problems) -> None:
    _everywhere(entity, pod)
    _read(entity, pod.block("process_stats"), POD_PROCESSES)
    _network(entity, pod.block("network").blocks("interfaces"), problems)
    claims = {f"Volume:{each.text('name')}": each.block("pvcRef").text("name") for each in pod.blocks("volume")}
    entity.labeled[:] = [_claimed(each, claims.get(each.labels.get(labels.RESOURCE_ID, ""))) for each in entity.labeled]


def _container(entities: Entities, key: str, container: Block) -> None:
    """Of two containers of one name, the one that `decode` took."""
    entity = entities.get(key)
    if entity is not None and entity.collection_start_ns == container.time_ns("startTime"):
        _everywhere(entity, container)


def _everywhere(entity: Entity, block: Block) -> None:
    _read(entity, block.block("swap"), SWAP)
    for resource in UNDER_PRESSURE:
        pressure = block.block(resource).block("psi")
        for who in WAITING:
            stalled = pressure.block(who)
            _read(entity, stalled, {f"pressure/{resource}_{who}_total": "total"})
            for average in AVERAGES:
                share = stalled.real(average)
                if share is not None:
                    entity.values[f"pressure/{resource}_{who}_{average}"] = share


def _network(entity: Entity, interfaces: Iterable[Block], problems: Problems) -> None:
    """Each interface's counters, and their sums where the default interface is missing."""
    has_default = any(metric in entity.values for metric in NETWORK)
    sums: Counter[str] = Counter()
    for interface in interfaces:
        own = {labels.INTERFACE: interface.text("name")}
        values: dict[str, int] = {}
        for metric, (total, field) in zip(INTERFACE, NETWORK.items(), strict=True):
            value = interface.number(field)
            if value is not None:
                values[metric] = value
                sums[total] += value
        if values:
            entity.labeled.append(LabeledValues(own, {**values}))
    if has_default:
        return
    for total, value in sums.items():
        if value <= MAX_INT:
            entity.values[total] = value
        else:
            problems[Problem.SUM_PAST_64_BITS] += 1


def _claimed(values: LabeledValues, claim: str | None) -> LabeledValues:
    """The values of a volume with the name of the claim it is of."""
    return LabeledValues({**values.labels, labels.PVC: claim}, values.values) if claim else values


def _read(entity: Entity, block: Block, fields: dict[str, str]) -> None:
    for metric, field in fields.items():
        value = block.number(field)
        if value is not None:
            entity.values[metric] = value
