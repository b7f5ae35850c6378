"""How far a replay is, shown until it is done."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from replay.groups import Groups, reached
from replay.history import History, Offsets
from replay.plan import Plan
from replay.stretch import time_text
from replay.worker import Worker
from runtime.errors import UnavailableError

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0


def watch(plan: Plan, groups: Groups, history: History, workers: list[Worker], stopped: threading.Event) -> bool:
    """Show how far it is until it is done; False if told to stop before."""
    steps = _steps(plan, groups)
    topic = plan.processor.topics.kubelet_stats.name
    with _bar() as bar:
        task = bar.add_task("replay", total=max(1, plan.offsets.records), told="starting …")
        began, before = time.monotonic(), None
        while not stopped.wait(_LOOK_EVERY_S):
            for worker in workers:
                worker.keep_running()
            try:
                committed = groups.committed(plan.processor.group, topic)
                records = _done(plan.offsets, committed)
                before = records if before is None else before
                speed = (records - before) / (time.monotonic() - began)
                bar.update(task, completed=records, told=_told(speed, plan, history, committed))
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
        return all(reached(groups.committed(group, topic), end_of(topic)) for group in plan.writer_groups)

    scrapes: Callable[[Mapping[int, int]], bool] = lambda committed: reached(  # noqa: E731 - one of three
        committed, {p: end for p, end in plan.offsets.end.items() if end > plan.offsets.begin[p]}
    )
    return [scrapes, sums, points] if plan.sinks else [scrapes, sums]


def _done(offsets: Offsets, committed: Mapping[int, int]) -> int:
    return sum(
        max(0, min(committed.get(partition, begin), offsets.end[partition]) - begin)
        for partition, begin in offsets.begin.items()
    )


def _told(speed: float, plan: Plan, history: History, committed: Mapping[int, int]) -> str:
    """Speed, and the window of the stretch that the partition furthest behind has reached."""
    behind = [
        (committed.get(partition, begin) - begin, partition)
        for partition, begin in plan.offsets.begin.items()
        if plan.offsets.end[partition] > begin
    ]
    if not behind or max(behind)[0] <= 0:
        return "starting …"
    done, partition = min(behind)
    offset = min(committed.get(partition, 0), plan.offsets.end[partition]) - 1
    time_ns = history.time_ns(partition, offset) if done else None
    if time_ns is None or time_ns < plan.stretch.from_ns:
        return f"{speed:.0f}/s, before --from"
    return f"{speed:.0f}/s, reached {time_text(min(time_ns, plan.stretch.to_ns))}"


def _bar() -> Progress:
    return Progress(
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} records"),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
