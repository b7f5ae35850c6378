"""`heapster-stream replay`: a stretch of kubelet-stats through the processor once more."""

import sys
from collections.abc import Mapping
from typing import Final

import click

from processor.__main__ import label_rules
from processor.assignment import Span
from processor.config import GROUP, ProcessorConfig, changelogs
from replay.claim import claim
from replay.groups import Groups
from replay.history import History
from replay.plan import Plan
from replay.progress import watch
from replay.stretch import Stretch, parse_time, time_text
from replay.suffix import checked_suffix
from replay.worker import workers_of
from runtime import flags
from runtime.errors import ConfigError
from runtime.kafka import KafkaSettings
from runtime.logs import LogSettings
from runtime.stopping import end_at_once_on_ctrl_c, stop_on_signals
from runtime.topics import ensure_topics
from schemas.topics import replay_topics
from writer.__main__ import build as build_sinks
from writer.consume import GROUP_PREFIX, WriterConfig

_INTERRUPTED: Final = 1


@click.command("replay", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.flag("--from", "from_", required=True, metavar="TIME", help="End of the first window, as 2026-01-01T00:00:00Z.")
@flags.flag("--to", required=True, metavar="TIME", help="End of the last window, as 2026-01-02T00:00:00Z.")
@flags.flag(
    "--topic-suffix",
    help="What the replay's topics and consumer groups end in: workers with the same one share a replay."
    " Without it made of --from and --to.",
)
@click.option(
    "--sink",
    multiple=True,
    metavar="KEY[:URI]",
    help="Write the result there, as the writer does; not read from the environment, where the live writer's may be."
    " Without it the result stays in the topic derived-metrics<suffix>.",
)
@flags.label_flags
@flags.extended_metrics
@flags.log_flags
def replay(  # noqa: PLR0913 - a flag each
    *,
    kafka: KafkaSettings,
    from_: str,
    to: str,
    topic_suffix: str | None,
    sink: tuple[str, ...],
    label_separator: str,
    store_label: tuple[str, ...],
    ignore_label: tuple[str, ...],
    extended_metrics: bool,
    logs: LogSettings,
) -> None:
    """Compute a stretch of history once more, as fast as it can, and stop at its end; the live pipeline goes on.

    The result is what the live run wrote, point for point. May be started several times: workers with the same
    suffix share it, and one that was killed goes on where it was.
    """
    logs = logs.quieter("warning")
    logs.start()
    end_at_once_on_ctrl_c()  # nothing has begun
    rules = label_rules(label_separator, store_label, ignore_label)
    sink_names = [each.name for each in build_sinks(sink)]
    stretch = Stretch(_time("--from", from_), _time("--to", to))
    suffix = _suffix("--topic-suffix", topic_suffix) if topic_suffix else stretch.suffix
    topics = replay_topics(suffix, kafka.prefix)
    history = History(kafka, topics.kubelet_stats.name)
    _tell(f"Looking up what {topics.kubelet_stats.name} holds …")
    offsets = history.offsets(stretch)
    span = Span(from_ns=stretch.from_ns, to_ns=stretch.to_ns, end_offsets=offsets.end)
    plan = Plan(
        stretch=stretch,
        processor=ProcessorConfig(
            kafka=kafka,
            rules=rules,
            group=kafka.named(GROUP) + suffix,
            topics=topics,
            span=span,
            extended=extended_metrics,
        ),
        writer=WriterConfig(
            kafka=kafka,
            source=topics.derived_metrics,
            dead_letter=topics.derived_metrics_dead_letter,
            group_prefix=f"{kafka.named(GROUP_PREFIX).rstrip('-')}{suffix}-",
        ),
        sinks=sink,
        sink_names=sink_names,
        offsets=offsets,
        logs=logs,
    )
    sys.exit(run(plan, history))


def run(plan: Plan, history: History) -> int:
    """Replay until everything is done; the exit status. Interrupted, it can be started again."""
    stopped = stop_on_signals()
    config, groups = plan.processor, Groups(plan.processor.kafka)
    ensure_topics(config.kafka, config.topics.all, partitions=len(plan.offsets.begin))
    claim(config.kafka, config.topics.kubelet_stats_dead_letter.name, plan.stretch)
    groups.begin_at(config.group, config.topics.kubelet_stats.name, plan.offsets.begin)
    _tell_what_begins(plan, history)
    workers = workers_of(plan)
    try:
        done = watch(plan, groups, history, workers, stopped)
    finally:
        for worker in workers:
            worker.stop()
    if not done:
        _tell("Interrupted: start it again to go on.")
        return _INTERRUPTED
    topics = config.topics
    batches, *rejected = (
        _count(groups.ends(topic.name))
        for topic in (topics.derived_metrics, topics.kubelet_stats_dead_letter, topics.derived_metrics_dead_letter)
    )
    _clean_up(plan, groups)
    result = f"written to {', '.join(plan.sink_names)}" if plan.sinks else f"in the topic {topics.derived_metrics.name}"
    count = f"{batches} batches of " if batches else ""  # another worker of the replay may have removed the topic
    _tell(f"Done: {count}the windows from {plan.stretch} are {result}.")
    if letters := sum(rejected) - 1:  # one says whose the topics are
        _tell(
            f"{letters} records were rejected: they are in the topics {topics.kubelet_stats_dead_letter.name}"
            f" and {topics.derived_metrics_dead_letter.name}."
        )
    return 0


def _tell_what_begins(plan: Plan, history: History) -> None:
    _tell(
        f"{plan.offsets.records} records are read: the windows from {plan.stretch}, and those around them that their"
        " rates and sums need."
    )
    newest_ns = history.newest_ns(plan.offsets)
    if newest_ns is not None and newest_ns < plan.stretch.to_ns:
        _tell(f"Nothing is newer than {time_text(newest_ns)}: --to lies behind that, so the replay ends there.")


def _count(ends: Mapping[int, int]) -> int:
    return sum(ends.values())


def _tell(text: str) -> None:
    click.echo(text, err=True)


def _clean_up(plan: Plan, groups: Groups) -> None:
    """Remove what only the replay needed; the last of its workers does."""
    config, topics = plan.processor, plan.processor.topics
    if groups.in_use(config.group):
        return
    internal = [topics.group_sums, *(changelog for changelog, _ in changelogs(config.group, topics))]
    if plan.sinks:
        internal.append(topics.derived_metrics)
    groups.remove([config.group, *plan.writer_groups], [topic.name for topic in internal])


def _suffix(flag: str, text: str) -> str:
    try:
        return checked_suffix(text)
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}") from error


def _time(flag: str, text: str) -> int:
    try:
        return parse_time(text)
    except ValueError as error:
        raise ConfigError(f"{flag}: {error}") from error


if __name__ == "__main__":
    flags.run(replay)
