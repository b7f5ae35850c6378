"""Where a replay stands, all its workers together: what they have committed in Kafka says it."""

from collections.abc import Mapping
from dataclasses import dataclass

from replay.groups import ConsumerGroups
from replay.history import History, Offsets
from replay.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressSnapshot:
    """Records are those of `kubelet-stats`, batches those of the replay's `derived-metrics`."""

    records: int  # to be read
    records_done: int
    begun: bool  # something is done
    reached_ns: int | None  # end of the window that the partition furthest behind has reached; None: not --from yet
    batches: int
    written: Mapping[str, int]  # batches, by sink
    lag: Mapping[str, int]  # records that are there and not done, by topic


def progress_snapshot(
    plan: Plan, groups: ConsumerGroups, history: History, committed: Mapping[int, int]
) -> ProgressSnapshot:
    """Look where it is; `committed` is what the processor has of `kubelet-stats`.

    Raises UnavailableError: Kafka does not answer.
    """
    topics, group = plan.processor.topics, plan.processor.group
    records_done = count_done(plan.offsets, committed)
    sums = groups.committed(group, topics.group_sums.name)
    batch_ends = groups.ends(topics.derived_metrics.name)
    of_sinks = {
        name: groups.committed(writers, topics.derived_metrics.name)
        for name, writers in zip(plan.sink_names, plan.writer_groups, strict=True)
    }
    lag = {
        topics.kubelet_stats.name: plan.offsets.records - records_done,
        topics.group_sums.name: count_left(groups.ends(topics.group_sums.name), sums),
    }
    if of_sinks:
        lag[topics.derived_metrics.name] = max(count_left(batch_ends, written) for written in of_sinks.values())
    return ProgressSnapshot(
        records=plan.offsets.records,
        records_done=records_done,
        begun=records_done > 0,
        reached_ns=_reached_ns(plan, history, committed),
        batches=sum(batch_ends.values()),
        written={name: sum(written.values()) for name, written in of_sinks.items()},
        lag=lag,
    )


def count_done(offsets: Offsets, committed: Mapping[int, int]) -> int:
    """How many of the records to be read are done; a group that has not begun in a partition has done none of it."""
    return sum(
        max(0, min(committed.get(partition, begin), offsets.end[partition]) - begin)
        for partition, begin in offsets.begin.items()
    )


def count_left(ends: Mapping[int, int], committed: Mapping[int, int]) -> int:
    """How many records are there that are not done."""
    return sum(max(0, end - committed.get(partition, 0)) for partition, end in ends.items())


def slowest_partition(offsets: Offsets, committed: Mapping[int, int]) -> tuple[int, int] | None:
    """The partition, of those with records to be read, with the fewest done, and the last one done; None: none is."""
    behind = [
        (min(committed.get(partition, begin), offsets.end[partition]) - begin, partition)
        for partition, begin in offsets.begin.items()
        if offsets.end[partition] > begin
    ]
    count, partition = min(behind, default=(0, 0))
    return (partition, offsets.begin[partition] + count - 1) if count > 0 else None


def _reached_ns(plan: Plan, history: History, committed: Mapping[int, int]) -> int | None:
    """The window that the partition furthest behind has reached, None before the stretch's first."""
    last = slowest_partition(plan.offsets, committed)
    time_ns = history.time_ns(*last) if last else None
    if time_ns is None or time_ns < plan.time_range.from_ns:
        return None
    return min(time_ns, plan.time_range.to_ns)
