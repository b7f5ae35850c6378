"""Run one replay: create topics, start workers, wait for the end, report the result and clean up."""

import threading
from collections.abc import Mapping
from typing import Final

import click

from processor.config import changelogs
from replay.claim import claim
from replay.groups import ConsumerGroups
from replay.history import History
from replay.plan import Plan
from replay.progress import watch
from replay.time_range import time_text
from replay.worker import start_workers
from runtime.health import Health
from runtime.shutdown import stop_on_signals
from runtime.topics import ensure_topics

_INTERRUPTED: Final = 1


def run(plan: Plan, history: History, health: Health) -> int:
    """Run the replay and return the exit status. If it is interrupted, the same command continues it."""
    stopped = stop_on_signals()
    with ConsumerGroups(plan.processor.kafka) as groups:
        _prepare(plan, groups, history)
        if not _completed(plan, groups, history, stopped, health):
            print_status("Interrupted: run the same command again to continue.")
            return _INTERRUPTED
        _finish(plan, groups)
    return 0


def _prepare(plan: Plan, groups: ConsumerGroups, history: History) -> None:
    config = plan.processor
    ensure_topics(config.kafka, config.topics.all, partitions=len(plan.offsets.begin))
    claim(config.kafka, config.topics.kubelet_stats_dead_letter.name, plan.time_range)
    groups.begin_at(config.group, config.topics.kubelet_stats.name, plan.offsets.begin)
    _print_start(plan, history)


def _completed(plan: Plan, groups: ConsumerGroups, history: History, stopped: threading.Event, health: Health) -> bool:
    workers = start_workers(plan)
    try:
        return watch(plan, groups, history, workers, stopped, health)
    finally:
        for worker in workers:
            worker.stop()


def _finish(plan: Plan, groups: ConsumerGroups) -> None:
    """Clean up and print the result."""
    topics = plan.processor.topics
    batches, *rejected = (
        _count(groups.ends(topic.name))
        for topic in (topics.derived_metrics, topics.kubelet_stats_dead_letter, topics.derived_metrics_dead_letter)
    )
    _clean_up(plan, groups)
    result = f"written to {', '.join(plan.sink_names)}" if plan.sinks else f"in the topic {topics.derived_metrics.name}"
    count = f"{batches} batches of " if batches else ""  # another worker of the replay may have removed the topic
    print_status(f"Done: {count}the windows from {plan.time_range} are {result}.")
    if dead_letters := sum(rejected) - 1:  # without the record that claims the topics
        print_status(
            f"{dead_letters} records were rejected: see the topics {topics.kubelet_stats_dead_letter.name}"
            f" and {topics.derived_metrics_dead_letter.name}."
        )


def _print_start(plan: Plan, history: History) -> None:
    print_status(
        f"Reading {plan.offsets.records} records: the windows from {plan.time_range}, and windows before and after"
        " that their rates and sums need."
    )
    newest_ns = history.newest_ns(plan.offsets)
    if newest_ns is not None and newest_ns < plan.time_range.to_ns:
        print_status(f"The newest record is of {time_text(newest_ns)}, before --to: the replay ends there.")


def _count(ends: Mapping[int, int]) -> int:
    return sum(ends.values())


def print_status(text: str) -> None:
    """Print a status line on standard error; standard output is for results."""
    click.echo(text, err=True)


def _clean_up(plan: Plan, groups: ConsumerGroups) -> None:
    """Delete the replay's internal groups and topics, unless another worker still uses them."""
    config, topics = plan.processor, plan.processor.topics
    if groups.in_use(config.group):
        return
    internal = [topics.group_sums, *(changelog for changelog, _ in changelogs(config.group, topics))]
    if plan.sinks:
        internal.append(topics.derived_metrics)
    groups.remove([config.group, *plan.writer_groups], [topic.name for topic in internal])
