"""What must be in InfluxDB: of every node and window the scrape that Kafka took first, as if nothing else had been.

How the processor keeps what it knows is not used here, only what it computes of one scrape and one before it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from processor.core.derive import derive
from processor.core.labels import LabelRules
from processor.core.utilization import without_cpu_utilization
from processor.state.group_batch import group_batch
from processor.state.node_windows import KEPT_WINDOWS
from processor.state.transition import node_batch, node_sample
from schemas.codec import UndecodableError
from schemas.group_sum import GroupSum
from schemas.metric_batch import MetricBatch
from schemas.node_sample import NodeSample
from schemas.node_scrape import NodeScrape, decode_scrape

Records: TypeAlias = Mapping[int, Iterable[bytes]]
"""Of `kubelet-stats`: by partition its values, in order."""

_Totals: TypeAlias = dict[tuple[str, str, int], list[GroupSum]]


def expected(records: Records) -> Iterator[MetricBatch]:
    """Every batch: one of each node, and one of each group, in each window."""
    totals: _Totals = {}
    for values in records.values():
        yield from _Partition(totals).batches(values)
    for of_one in totals.values():
        yield group_batch(of_one)


@dataclass(slots=True)
class _Partition:
    """The first scrapes of one partition, one after the other."""

    totals: _Totals
    newest_ns: int = 0
    taken: set[tuple[str, int]] = field(default_factory=set)
    samples: dict[str, dict[int, NodeSample]] = field(default_factory=dict)

    def batches(self, values: Iterable[bytes]) -> Iterator[MetricBatch]:
        for value in values:
            try:
                scrape = decode_scrape(value)
                if scrape.document is not None and (scrape.key, scrape.window_end_ns) not in self.taken:
                    yield self._batch(scrape)
            except UndecodableError:  # poison: the dead letters' business
                continue

    def _batch(self, scrape: NodeScrape) -> MetricBatch:
        end_ns, kept_ns = scrape.window_end_ns, KEPT_WINDOWS * scrape.resolution_ns
        samples = self.samples.setdefault(scrape.key, {})
        late = end_ns <= self.newest_ns - kept_ns
        earlier_ns = max((each for each in samples if end_ns - kept_ns <= each < end_ns and not late), default=None)
        result = derive(scrape, None if earlier_ns is None else samples[earlier_ns], LabelRules())
        self.taken.add((scrape.key, end_ns))
        self.newest_ns = max(self.newest_ns, min(end_ns, scrape.scraped_at_ns))
        if not late:
            samples[end_ns] = node_sample(scrape, result, 0)
            self._add(samples[end_ns])
        return node_batch(scrape, without_cpu_utilization(result.sets) if late else result.sets, 0)

    def _add(self, sample: NodeSample) -> None:
        for each in sample.contributions:
            slot = (sample.cluster, each.group, sample.window_end_ns)
            others = self.totals.setdefault(slot, [])
            others.append(
                GroupSum(
                    cluster=sample.cluster,
                    group=each.group,
                    window_end_ns=sample.window_end_ns,
                    resolution_ns=sample.resolution_ns,
                    source_partition=len(others),
                    source_offset=0,
                    sums=each.sums,
                    nodes=1,
                    nodes_expected=each.nodes_expected,
                    namespace_id=each.namespace_id,
                )
            )
