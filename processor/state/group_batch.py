"""Group batch: the sums of a namespace, a workload or the cluster (docs/processing.md, 9 and 11)."""

from collections.abc import Sequence
from functools import reduce

from processor.core import labels
from schemas.catalogue import CLUSTER, GROUP_METRICS, MAX_INT, NAMESPACE, WORKLOAD, EntityType
from schemas.group_sum import NO_SUMS, GroupSum, add, node_counts
from schemas.metric_batch import MetricBatch, MetricSet, Version, namespace_of_group, workload_of_group


def group_batch(totals: Sequence[GroupSum]) -> MetricBatch:
    """The batch of one group in one window, from the totals of all source partitions.

    It has one metric set. A metric is absent if no node has it or its sum does not fit in 64 bits. The batch's version
    grows with every node and every record that the totals include.

    Raises:
        ValueError: no totals, or totals of different groups or windows.
    """
    if len({(total.cluster, total.group, total.window_end_ns) for total in totals}) != 1:
        raise ValueError(f"expected totals of one group in one window, not {list(totals)!r}")
    in_order = sorted(totals, key=lambda total: total.source_partition)
    nodes, nodes_expected = node_counts(in_order)
    first = in_order[0]
    return MetricBatch(
        cluster=first.cluster,
        entity=first.group,
        window_end_ns=first.window_end_ns,
        resolution_ns=first.resolution_ns,
        sets=(_metric_set(in_order),),
        version=Version(nodes=nodes, offsets=sum(total.source_offset for total in in_order)),
        nodes_counted=nodes,
        nodes_expected=nodes_expected,
    )


def _metric_set(totals: Sequence[GroupSum]) -> MetricSet:
    group = totals[0].group
    entity_type, own_labels = _identity(totals)
    sums = reduce(add, (total.sums for total in totals), NO_SUMS)
    values = {
        name: value for name, value in zip(GROUP_METRICS, sums, strict=True) if value is not None and value < MAX_INT
    }
    return MetricSet(key=group, type=entity_type, labels=own_labels, values=values)


def _identity(totals: Sequence[GroupSum]) -> tuple[EntityType, dict[str, str]]:
    group = totals[0].group
    workload = workload_of_group(group)
    if workload is not None:
        return WORKLOAD, {
            labels.TYPE: WORKLOAD,
            labels.NAMESPACE_NAME: workload.namespace,
            labels.WORKLOAD_KIND: workload.kind,
            labels.WORKLOAD: workload.name,
        }
    namespace = namespace_of_group(group)
    if namespace is None:
        return CLUSTER, {labels.TYPE: CLUSTER}
    uid = next((total.namespace_id for total in totals if total.namespace_id), "")
    return NAMESPACE, {labels.TYPE: NAMESPACE, labels.NAMESPACE_NAME: namespace, labels.NAMESPACE_ID: uid}
