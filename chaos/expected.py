"""What must be in InfluxDB: the recorded scrapes, taken one after the other by a worker that nothing happens to."""

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from processor.group import group_batch
from processor.labels import LabelRules
from processor.partition import PartitionState
from processor.step import step
from schemas.codec import UndecodableError
from schemas.group_sum import GroupSum
from schemas.metric_batch import MetricBatch
from schemas.node_sample import NodeSample
from schemas.node_scrape import decode_scrape

Records: TypeAlias = Mapping[int, Iterable[tuple[int, bytes]]]
"""Of `kubelet-stats`: by partition offsets and values, in order."""


def expected(records: Records) -> Iterator[MetricBatch]:
    """Every batch that is to be written, a later one over an earlier one of the same window."""
    totals: dict[tuple[str, str, int], dict[int, GroupSum]] = {}
    for partition, values in records.items():
        state = PartitionState(partition)
        yield from _node_batches(state, values)
        for total in state.changed_totals():
            totals.setdefault((total.cluster, total.group, total.window_end_ns), {})[partition] = total
    for by_partition in totals.values():
        yield group_batch(list(by_partition.values()))


def _node_batches(state: PartitionState, values: Iterable[tuple[int, bytes]]) -> Iterator[MetricBatch]:
    samples: dict[tuple[str, int], NodeSample] = {}
    for offset, value in values:
        try:
            scrape = decode_scrape(value)
            if scrape.document is None:
                continue
            done = step(scrape, offset, state, lambda node, end_ns: samples[node, end_ns], LabelRules())
        except UndecodableError:  # poison: the dead letters' business
            continue
        if done.sample is not None:
            samples[scrape.key, scrape.window_end_ns] = done.sample
            state.fold(done.sample)
        if done.batch is not None:
            yield done.batch
