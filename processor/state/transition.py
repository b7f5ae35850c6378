"""One record of `kubelet-stats` on top of what its partition said before: what is sent and kept for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from processor.core.derive import NodeResult, derive
from processor.core.labels import LabelRules
from processor.core.scrape_metrics import failed_node
from processor.core.utilization import without_cpu_utilization
from processor.state.node_windows import Arrival, PartitionState, reached_ns
from schemas.keys import node_key, pod_key
from schemas.metric_batch import MetricBatch, MetricSet, Version
from schemas.node_sample import NodeSample
from schemas.node_scrape import NodeScrape


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """What a scrape leads to."""

    arrival: Arrival
    batch: MetricBatch | None = None  # None: a second scrape of the window, or a failed one that is late
    sample: NodeSample | None = None  # what is kept and summed; None: a second scrape, or one that is late
    problems: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


def transition(
    scrape: NodeScrape,
    offset: int,
    state: PartitionState,
    kept: Callable[[str, int], NodeSample],
    rules: LabelRules,
    *,
    extended: bool = False,
) -> Transition:
    """The step of a scrape that was answered, its record lying at `offset`; `state` stays as it is.

    `kept` gives the sample of a node (its key) and window that `state` has.

    Raises:
        UndecodableError: the kubelet's document is not JSON, or no object.
    """
    arrival = state.arrival(scrape.key, scrape.window_end_ns, scrape.resolution_ns)
    if arrival is Arrival.DUPLICATE:
        return Transition(arrival=arrival)
    if arrival is Arrival.LATE:
        result = derive(scrape, None, rules, extended=extended)
        return Transition(
            arrival=arrival, batch=node_batch(scrape, without_cpu_utilization(result.sets), offset), problems=result.problems
        )
    earlier_ns = state.earlier_window(scrape.key, scrape.window_end_ns, scrape.resolution_ns)
    earlier = None if earlier_ns is None else kept(scrape.key, earlier_ns)
    result = derive(scrape, earlier, rules, extended=extended)
    return Transition(
        arrival=arrival,
        batch=node_batch(scrape, result.sets, offset),
        sample=node_sample(scrape, result, offset),
        problems=result.problems,
    )


def failed_transition(scrape: NodeScrape, offset: int, state: PartitionState, rules: LabelRules) -> Transition:
    """The step of a scrape that failed: its window stays free, for one that is answered after all.

    Nothing is written of one that is late, as the window may have been answered.
    """
    arrival = state.arrival(scrape.key, scrape.window_end_ns, scrape.resolution_ns)
    if arrival is not Arrival.NEW:
        return Transition(arrival=arrival)
    return Transition(arrival=arrival, batch=node_batch(scrape, (failed_node(scrape, rules),), offset))


def node_batch(scrape: NodeScrape, sets: tuple[MetricSet, ...], offset: int) -> MetricBatch:
    """All metric sets of one node in one window."""
    return MetricBatch(
        cluster=scrape.cluster,
        entity=scrape.node,
        window_end_ns=scrape.window_end_ns,
        resolution_ns=scrape.resolution_ns,
        sets=sets,
        version=Version(nodes=1, offsets=offset),
        object_labels={node_key(scrape.node): scrape.labels}
        | {pod_key(pod.namespace, pod.name): pod.labels for pod in scrape.pods},
    )


def node_sample(scrape: NodeScrape, result: NodeResult, offset: int) -> NodeSample:
    """What is kept of a scrape: where the next one's rates begin, and what it adds to its groups."""
    return NodeSample(
        cluster=scrape.cluster,
        node=scrape.node,
        window_end_ns=scrape.window_end_ns,
        resolution_ns=scrape.resolution_ns,
        offset=offset,
        contributions=result.contributions,
        entities=result.entities,
        disks=result.disks,
        reached_ns=reached_ns(scrape.window_end_ns, scrape.scraped_at_ns, scrape.clock_offset_ns),
    )
