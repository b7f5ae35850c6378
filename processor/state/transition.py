"""State transition: the batch to send and the sample to keep for one record of `kubelet-stats`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from processor.core.derive import NodeResult, derive
from processor.core.labels import LabelRules
from processor.core.scrape_metrics import failed_node
from processor.core.utilization import without_cpu_utilization
from processor.state.node_windows import Arrival, PartitionState, event_time_ns
from schemas.keys import node_key, pod_key
from schemas.metric_batch import MetricBatch, MetricSet, Version
from schemas.node_sample import NodeSample
from schemas.node_scrape import NodeScrape


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """The result of one scrape."""

    arrival: Arrival
    batch: MetricBatch | None = None  # to send; None for a duplicate scrape and for a late failed one
    sample: NodeSample | None = None  # to keep and sum; None for duplicate, late and failed scrapes
    problems: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))


def transition(
    scrape: NodeScrape,
    offset: int,
    state: PartitionState,
    read_sample: Callable[[str, int], NodeSample],
    rules: LabelRules,
    *,
    extended: bool = False,
) -> Transition:
    """The transition for a successful scrape, the record at `offset`; does not change `state`.

    `read_sample` returns the stored sample of a node (by key) and window end that `state` knows.

    Raises:
        UndecodableError: the kubelet's document is not a JSON object.
    """
    arrival = state.arrival(scrape.key, scrape.window_end_ns, scrape.resolution_ns)
    if arrival is Arrival.DUPLICATE:
        return Transition(arrival=arrival)
    if arrival is Arrival.LATE:
        result = derive(scrape, None, rules, extended=extended)
        return Transition(
            arrival=arrival,
            batch=node_batch(scrape, without_cpu_utilization(result.sets), offset),
            problems=result.problems,
        )
    previous_ns = state.previous_window(scrape.key, scrape.window_end_ns, scrape.resolution_ns)
    previous = None if previous_ns is None else read_sample(scrape.key, previous_ns)
    result = derive(scrape, previous, rules, extended=extended)
    return Transition(
        arrival=arrival,
        batch=node_batch(scrape, result.sets, offset),
        sample=node_sample(scrape, result, offset),
        problems=result.problems,
    )


def failed_transition(scrape: NodeScrape, offset: int, state: PartitionState, rules: LabelRules) -> Transition:
    """The transition for a failed scrape: keeps no sample, so a later successful scrape can still take the window.

    A late one has no batch, because a successful scrape of the window may have been written before.
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
    """The sample kept of a scrape: counters for the next scrape's rates, and contributions to its groups."""
    return NodeSample(
        cluster=scrape.cluster,
        node=scrape.node,
        window_end_ns=scrape.window_end_ns,
        resolution_ns=scrape.resolution_ns,
        offset=offset,
        contributions=result.contributions,
        entities=result.entities,
        disks=result.disks,
        reached_ns=event_time_ns(scrape.window_end_ns, scrape.scraped_at_ns, scrape.clock_offset_ns),
    )
