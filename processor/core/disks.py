"""Disks and page cache: what cadvisor adds to the entities of a Summary, with rates for each disk.

A disk's rate is over cadvisor's own sample times: they are not the Summary's.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from processor.core import labels
from processor.core.cadvisor import Sample, entity_keys, samples
from processor.core.entity import Entities
from processor.core.problems import Problem, Problems
from processor.core.rates import rates
from schemas.catalogue import BY_NAME, Number
from schemas.metric_batch import LabeledValues
from schemas.node_sample import DiskKey, EntitySample
from schemas.node_scrape import NodeScrape


class _Slot(NamedTuple):
    key: str  # of the entity
    resource_id: str
    metric: str


def add_cadvisor(
    entities: Entities, scrape: NodeScrape, earlier: Mapping[DiskKey, EntitySample], problems: Problems
) -> dict[DiskKey, EntitySample]:
    """Add the values of the scrape's cadvisor lines; the disks' counters, which the next scrape's rates begin from.

    Cgroups that are none of the entities (other services, pods that are gone) are left out.
    """
    disks: defaultdict[DiskKey, dict[str, Sample]] = defaultdict(dict)
    for slot, sample in sorted(_newest(entities, scrape, problems).items()):
        if BY_NAME[slot.metric].labeled:
            disks[slot.key, slot.resource_id][slot.metric] = sample
        else:
            entities[slot.key].values[slot.metric] = sample.value
    return {disk: _add_disk(entities, disk, counters, earlier, problems) for disk, counters in disks.items()}


def _newest(entities: Entities, scrape: NodeScrape, problems: Problems) -> dict[_Slot, Sample]:
    """One sample for each value: a container's predecessor may still be told of, with older ones."""
    found = list(samples(scrape.cadvisor or b"", scrape.scraped_at_ns, problems))
    keys = entity_keys({sample.cgroup for sample in found}, scrape.node, entities)
    newest: dict[_Slot, Sample] = {}
    for sample in found:
        if sample.cgroup in keys:
            slot = _Slot(keys[sample.cgroup], sample.resource_id, sample.metric)
            if slot not in newest or newest[slot].time_ns <= sample.time_ns:
                newest[slot] = sample
    return newest


def _add_disk(
    entities: Entities,
    disk: DiskKey,
    read: Mapping[str, Sample],
    earlier: Mapping[DiskKey, EntitySample],
    problems: Problems,
) -> EntitySample:
    key, resource_id = disk
    entity = entities[key]
    counters = {metric: sample.value for metric, sample in read.items()}
    scrape_ns = max(sample.time_ns for sample in read.values())
    current = EntitySample(key, scrape_ns, entity.collection_start_ns, counters)
    values: dict[str, Number] = {**counters}
    if disk in earlier:
        grown = rates(earlier[disk], current)
        values.update(grown.values)
        problems.update({Problem.COUNTER_RESET: len(grown.resets)} if grown.resets else {})
    entity.labeled.append(LabeledValues({labels.RESOURCE_ID: resource_id}, values))
    return current
