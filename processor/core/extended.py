"""Extended metrics: Summary fields that Heapster does not read (docs/metrics.md, beyond Heapster).

`decode` calls these functions with `--extended-metrics`. They only add metrics, with one exception: Heapster has no
network metrics for an entity whose default interface the kubelet does not know; here they are the sums over all of its
interfaces.
"""

from collections import Counter
from typing import Final

from processor.core import labels
from processor.core.entity import Entity
from processor.core.json_block import Block
from processor.core.problems import Problem, Problems
from processor.core.summary_fields import NETWORK
from schemas.catalogue import MAX_INT
from schemas.metric_batch import LabeledValues

SWAP: Final = {"memory/swap_usage": "swapUsageBytes", "memory/swap_available": "swapAvailableBytes"}
NODE_PROCESSES: Final = {"process/count": "curproc", "process/limit": "maxpid"}  # of `.rlimit`
POD_PROCESSES: Final = {"process/count": "process_count"}  # of `.process_stats`
INTERFACE: Final = {f"network/interface_{metric.partition('/')[2]}": field for metric, field in NETWORK.items()}
PRESSURE_KINDS: Final = ("some", "full")  # some of the tasks are stalled, all of them are
PRESSURE_AVERAGES: Final = ("avg10", "avg60", "avg300")


def add_swap_and_pressure(entity: Entity, block: Block, cpu: Block, memory: Block) -> None:
    """Add a node's, pod's or container's swap usage and pressure stall information (PSI)."""
    entity.values.update(block.block("swap").numbers(SWAP))
    for resource, of_resource in (("cpu", cpu), ("memory", memory), ("io", block.block("io"))):
        pressure = of_resource.block("psi")
        for kind in PRESSURE_KINDS:
            stalled = pressure.block(kind)
            entity.values.update(stalled.numbers({f"pressure/{resource}_{kind}_total": "total"}))
            for average in PRESSURE_AVERAGES:
                share = stalled.real(average)
                if share is not None:
                    entity.values[f"pressure/{resource}_{kind}_{average}"] = share


def add_interfaces(entity: Entity, network: Block, problems: Problems) -> None:
    """Add each interface's counters, and their sums if the entity has no counters of a default interface."""
    has_default = any(metric in entity.values for metric in NETWORK)
    sums: Counter[str] = Counter()
    for interface in network.blocks("interfaces"):
        own_labels = {labels.INTERFACE: interface.text("name")}
        values = interface.numbers(INTERFACE)
        for metric, total in zip(INTERFACE, NETWORK, strict=True):
            if metric in values:
                sums[total] += values[metric]
        if values:
            entity.labeled.append(LabeledValues(own_labels, {**values}))
    if has_default:
        return
    for total, value in sums.items():
        if value <= MAX_INT:
            entity.values[total] = value
        else:
            problems[Problem.SUM_PAST_64_BITS] += 1
