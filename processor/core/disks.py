"""Disks and page cache: add cadvisor's values to the entities of a Summary, with rates for each disk.

A disk's rates are computed over cadvisor's sample times, which differ from the Summary's.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple

from processor.core import labels
from processor.core.cadvisor import CadvisorLine, entity_keys, parse_lines
from processor.core.entity import Entities
from processor.core.problems import Problem, Problems
from processor.core.rates import rates
from schemas.catalogue import BY_NAME, Number
from schemas.metric_batch import LabeledValues
from schemas.node_sample import DiskKey, EntitySample
from schemas.node_scrape import NodeScrape


class _Series(NamedTuple):
    key: str  # of the entity
    resource_id: str
    metric: str


def add_cadvisor(
    entities: Entities, scrape: NodeScrape, previous: Mapping[DiskKey, EntitySample], problems: Problems
) -> dict[DiskKey, EntitySample]:
    """Add the values of the scrape's cadvisor lines; returns the disks' samples, for the rates of the next scrape.

    Cgroups that belong to no entity (other services, deleted pods) are skipped.
    """
    disks: defaultdict[DiskKey, dict[str, CadvisorLine]] = defaultdict(dict)
    for series, line in sorted(_newest(entities, scrape, problems).items()):
        if BY_NAME[series.metric].labeled:
            disks[series.key, series.resource_id][series.metric] = line
        else:
            entities[series.key].values[series.metric] = line.value
    return {disk: _add_disk(entities, disk, lines, previous, problems) for disk, lines in disks.items()}


def _newest(entities: Entities, scrape: NodeScrape, problems: Problems) -> dict[_Series, CadvisorLine]:
    """The newest line of each series: cadvisor may still report a container's predecessor, with older times."""
    lines = list(parse_lines(scrape.cadvisor or b"", scrape.scraped_at_ns, problems))
    keys = entity_keys({line.cgroup for line in lines}, scrape.node, entities)
    newest: dict[_Series, CadvisorLine] = {}
    for line in lines:
        if line.cgroup in keys:
            series = _Series(keys[line.cgroup], line.resource_id, line.metric)
            if series not in newest or newest[series].time_ns <= line.time_ns:
                newest[series] = line
    return newest


def _add_disk(
    entities: Entities,
    disk: DiskKey,
    lines: Mapping[str, CadvisorLine],
    previous: Mapping[DiskKey, EntitySample],
    problems: Problems,
) -> EntitySample:
    key, resource_id = disk
    entity = entities[key]
    counters = {metric: line.value for metric, line in lines.items()}
    scrape_ns = max(line.time_ns for line in lines.values())
    current = EntitySample(key, scrape_ns, entity.collection_start_ns, counters)
    values: dict[str, Number] = {**counters}
    if disk in previous:
        found = rates(previous[disk], current)
        values.update(found.values)
        problems.update({Problem.COUNTER_RESET: len(found.resets)} if found.resets else {})
    entity.labeled.append(LabeledValues({labels.RESOURCE_ID: resource_id}, values))
    return current
