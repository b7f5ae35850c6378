"""`heapster-stream replay`: a stretch of kubelet-stats through the processor once more."""

import logging
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from typing import Final

import click
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from processor.__main__ import label_rules
from processor.__main__ import run as run_processor
from processor.assignment import Span
from processor.config import GROUP, ProcessorConfig, changelogs
from replay.groups import Groups, reached
from replay.history import History, Offsets
from replay.stretch import Stretch, parse_time, time_text
from replay.suffix import checked_suffix
from runtime import flags
from runtime.errors import ConfigError, UnavailableError
from runtime.health import Health
from runtime.kafka import KafkaSettings
from runtime.logs import LogSettings
from runtime.memory import keep_freed_memory
from runtime.stopping import stop_on_signals
from runtime.topics import ensure_topics
from schemas.topics import replay_topics
from writer.__main__ import build as build_sinks
from writer.__main__ import run as run_writer
from writer.consume import GROUP_PREFIX, WriterConfig

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0
_STOP_S: Final = 12.0
_SPAWN: Final = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """All that a replay is to do."""

    processor: ProcessorConfig
    writer: WriterConfig
    sinks: tuple[str, ...]
    offsets: Offsets
    logs: LogSettings


@click.command("replay", context_settings=flags.CONTEXT)
@flags.kafka_flags
@flags.flag("--from", "from_", required=True, metavar="TIME", help="End of the first window, as 2026-01-01T00:00:00Z.")
@flags.flag("--to", required=True, metavar="TIME", help="End of the last window, as 2026-01-02T00:00:00Z.")
@flags.flag(
    "--topic-suffix",
    help="What the replay's topics and consumer groups end in: workers with the same one share a replay."
    " Without it made of --from and --to.",
)
@flags.flag(
    "--sink",
    multiple=True,
    metavar="KEY[:URI]",
    help="Also write the result there, as the writer does. Without it the result stays in derived-metrics<suffix>.",
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
    rules = label_rules(label_separator, store_label, ignore_label)
    build_sinks(sink)
    stretch = Stretch(_time("--from", from_), _time("--to", to))
    suffix = _suffix("--topic-suffix", topic_suffix) if topic_suffix else stretch.suffix
    topics = replay_topics(suffix, kafka.prefix)
    history = History(kafka, topics.kubelet_stats.name)
    offsets = history.offsets(stretch)
    span = Span(from_ns=stretch.from_ns, to_ns=stretch.to_ns, end_offsets=offsets.end)
    plan = Plan(
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
        offsets=offsets,
        logs=logs,
    )
    sys.exit(run(plan, history))


def run(plan: Plan, history: History) -> int:
    """Replay until everything is done; the exit status. Interrupted, it can be started again."""
    stopped = stop_on_signals()
    config, groups = plan.processor, Groups(plan.processor.kafka)
    ensure_topics(config.kafka, config.topics.all, partitions=len(plan.offsets.begin))
    groups.begin_at(config.group, config.topics.kubelet_stats.name, plan.offsets.begin)
    workers = [Worker("processor", _process, (config, plan.logs))]
    if plan.sinks:
        workers.append(Worker("writer", _write, (plan.writer, plan.sinks, plan.logs)))
    try:
        done = _watch(plan, groups, history, workers, stopped)
    finally:
        for worker in workers:
            worker.stop()
    if not done:
        print("interrupted: start it again to go on", file=sys.stderr)  # noqa: T201 - to the user
        return 1
    _clean_up(plan, groups)
    return 0


class Worker:
    """A process of the replay; started again if it ends before its time."""

    def __init__(self, name: str, target: Callable[..., None], arguments: tuple[object, ...]) -> None:
        """Started at once."""
        self.name = name
        self._target = target
        self._arguments = arguments
        self._process = self._start()

    def keep_running(self) -> None:
        """Start it again if it has ended: nothing is lost by that."""
        if not self._process.is_alive():
            log.warning("ended, started again", extra={"worker": self.name, "status": self._process.exitcode})
            self._process = self._start()

    def stop(self) -> None:
        """End it; kill it if that takes too long."""
        self._process.terminate()
        self._process.join(_STOP_S)
        self._process.kill()

    def _start(self) -> SpawnProcess:
        process = _SPAWN.Process(target=self._target, args=(os.getpid(), *self._arguments), name=self.name)
        process.start()
        return process


def _process(parent: int, config: ProcessorConfig, logs: LogSettings) -> None:
    _end_with(parent)
    keep_freed_memory()
    logs.start()
    run_processor(config, Health(time.monotonic))


def _write(parent: int, config: WriterConfig, sinks: tuple[str, ...], logs: LogSettings) -> None:
    _end_with(parent)
    keep_freed_memory()
    logs.start()
    sys.exit(run_writer(config, build_sinks(sinks), Health(time.monotonic)))


def _end_with(parent: int) -> None:
    """End this process when the replay's has been killed."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_LOOK_EVERY_S)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _watch(plan: Plan, groups: Groups, history: History, workers: list[Worker], stopped: threading.Event) -> bool:
    """Show how far it is until it is done; False if told to stop before."""
    steps = _steps(plan, groups)
    topic = plan.processor.topics.kubelet_stats.name
    with _bar() as bar:
        task = bar.add_task("replay", total=max(1, plan.offsets.records), reached="-", speed="")
        began, before = time.monotonic(), None
        while not stopped.wait(_LOOK_EVERY_S):
            for worker in workers:
                worker.keep_running()
            try:
                committed = groups.committed(plan.processor.group, topic)
                records = _done(plan.offsets, committed)
                before = records if before is None else before
                speed = (records - before) / (time.monotonic() - began)
                bar.update(task, completed=records, speed=f"{speed:.0f}", reached=_event_time(plan, history, committed))
                while steps and steps[0](committed):
                    steps.pop(0)
            except UnavailableError as error:  # the workers wait for Kafka, and so do we
                log.warning("waiting for Kafka", extra={"error": str(error)})
            if not steps:
                return True
    return False


def _steps(plan: Plan, groups: Groups) -> list[Callable[[Mapping[int, int]], bool]]:
    """What has to be reached one after the other: all scrapes, all sums made of them, all points written."""
    config = plan.processor
    ends: dict[str, Mapping[int, int]] = {}

    def end_of(topic: str) -> Mapping[int, int]:
        """The topic's end when everything before it was done."""
        return ends.setdefault(topic, groups.ends(topic))

    def sums(_: Mapping[int, int]) -> bool:
        topic = config.topics.group_sums.name
        return reached(groups.committed(config.group, topic), end_of(topic))

    def points(_: Mapping[int, int]) -> bool:
        topic = config.topics.derived_metrics.name
        return all(
            reached(groups.committed(plan.writer.group_prefix + sink.name, topic), end_of(topic))
            for sink in build_sinks(plan.sinks)
        )

    scrapes: Callable[[Mapping[int, int]], bool] = lambda committed: reached(  # noqa: E731 - one of three
        committed, {p: end for p, end in plan.offsets.end.items() if end > plan.offsets.begin[p]}
    )
    return [scrapes, sums, points] if plan.sinks else [scrapes, sums]


def _done(offsets: Offsets, committed: Mapping[int, int]) -> int:
    return sum(
        max(0, min(committed.get(partition, begin), offsets.end[partition]) - begin)
        for partition, begin in offsets.begin.items()
    )


def _event_time(plan: Plan, history: History, committed: Mapping[int, int]) -> str:
    """The window that the partition furthest behind has reached."""
    behind = [
        (committed.get(partition, begin) - begin, partition)
        for partition, begin in plan.offsets.begin.items()
        if plan.offsets.end[partition] > begin
    ]
    if not behind or min(behind)[0] <= 0:
        return "-"
    partition = min(behind)[1]
    time_ns = history.time_ns(partition, min(committed[partition], plan.offsets.end[partition]) - 1)
    return "-" if time_ns is None else time_text(time_ns)


def _bar() -> Progress:
    return Progress(
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} records"),
        TextColumn("{task.fields[speed]} records/s"),
        TextColumn("reached {task.fields[reached]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def _clean_up(plan: Plan, groups: Groups) -> None:
    """Remove what only the replay needed; the last of its workers does."""
    config = plan.processor
    if groups.in_use(config.group):
        return
    internal = [config.topics.group_sums, *(changelog for changelog, _ in changelogs(config.group, config.topics))]
    writers = [plan.writer.group_prefix + sink.name for sink in build_sinks(plan.sinks)]
    if plan.sinks:
        internal.append(config.topics.derived_metrics)
    groups.remove([config.group, *writers], [topic.name for topic in internal])


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
