"""Progress of a replay, over all its workers, computed from the offsets committed in Kafka."""

from collections.abc import Mapping
from dataclasses import dataclass

from replay.groups import ConsumerGroups
from replay.history import History, Offsets
from replay.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgressSnapshot:
    """Progress at one moment: records of `kubelet-stats`, batches of the replay's `derived-metrics`."""

    records: int  # number of records to read
    records_done: int
    begun: bool  # at least one record is done
    reached_ns: int | None  # end of the window that the slowest partition has reached; None: before --from
    batches: int
    written: Mapping[str, int]  # batches, by sink
    lag: Mapping[str, int]  # available records that are not processed, by topic


def progress_snapshot(
    plan: Plan, groups: ConsumerGroups, history: History, committed: Mapping[int, int]
) -> ProgressSnapshot:
    """Read the progress; `committed` are the processor's offsets of `kubelet-stats`.

    Raises UnavailableError: Kafka does not answer.
    """
    topics, group = plan.processor.topics, plan.processor.group
    records_done = count_done(plan.offsets, committed)
    sums = groups.committed(group, topics.group_sums.name)
    batch_ends = groups.ends(topics.derived_metrics.name)
    committed_by_sink = {
        name: groups.committed(writers, topics.derived_metrics.name)
        for name, writers in zip(plan.sink_names, plan.writer_groups, strict=True)
    }
    lag = {
        topics.kubelet_stats.name: plan.offsets.records - records_done,
        topics.group_sums.name: count_left(groups.ends(topics.group_sums.name), sums),
    }
    if committed_by_sink:
        lag[topics.derived_metrics.name] = max(count_left(batch_ends, each) for each in committed_by_sink.values())
    return ProgressSnapshot(
        records=plan.offsets.records,
        records_done=records_done,
        begun=records_done > 0,
        reached_ns=_reached_ns(plan, history, committed),
        batches=sum(batch_ends.values()),
        written={name: sum(offsets.values()) for name, offsets in committed_by_sink.items()},
        lag=lag,
    )


def count_done(offsets: Offsets, committed: Mapping[int, int]) -> int:
    """Number of records to read that are done; none in partitions without a committed offset."""
    return sum(
        max(0, min(committed.get(partition, begin), offsets.end[partition]) - begin)
        for partition, begin in offsets.begin.items()
    )


def count_left(ends: Mapping[int, int], committed: Mapping[int, int]) -> int:
    """Number of available records that are not committed."""
    return sum(max(0, end - committed.get(partition, 0)) for partition, end in ends.items())


def slowest_partition(offsets: Offsets, committed: Mapping[int, int]) -> tuple[int, int] | None:
    """The partition (of those to read) with the fewest records done, and its last offset done; None if it has none."""
    records_done = [
        (min(committed.get(partition, begin), offsets.end[partition]) - begin, partition)
        for partition, begin in offsets.begin.items()
        if offsets.end[partition] > begin
    ]
    count, partition = min(records_done, default=(0, 0))
    return (partition, offsets.begin[partition] + count - 1) if count > 0 else None


def _reached_ns(plan: Plan, history: History, committed: Mapping[int, int]) -> int | None:
    """End of the window that the slowest partition has reached, None before the first window of the time range."""
    last = slowest_partition(plan.offsets, committed)
    time_ns = history.time_ns(*last) if last else None
    if time_ns is None or time_ns < plan.time_range.from_ns:
        return None
    return min(time_ns, plan.time_range.to_ns)
