"""How far a replay is, shown until it is done."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from replay import telemetry
from replay.groups import ConsumerGroups, reached
from replay.history import History
from replay.plan import Plan
from replay.progress_snapshot import ProgressSnapshot, progress_snapshot
from replay.time_range import time_text
from replay.worker import WorkerProcess
from runtime.errors import UnavailableError
from runtime.health import KAFKA, Health

log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 1.0
_LOOP: Final = "progress"
_LONGEST_LOOK_S: Final = 300.0  # each of its questions waits 20 s for Kafka


def watch(
    plan: Plan,
    groups: ConsumerGroups,
    history: History,
    workers: list[WorkerProcess],
    stopped: threading.Event,
    health: Health,
) -> bool:
    """Show how far it is until it is done; False if told to stop before."""
    steps = _steps(plan, groups)
    topic = plan.processor.topics.kubelet_stats.name
    with _bar() as bar:
        task = bar.add_task("replay", total=max(1, plan.offsets.records), told="starting …")
        began, before = time.monotonic(), None
        while not stopped.wait(_LOOK_EVERY_S):
            health.beat(_LOOP, _LONGEST_LOOK_S)
            for worker in workers:
                health.report(worker.name, worker.keep_running())
            try:
                committed = groups.committed(plan.processor.group, topic)
                found = progress_snapshot(plan, groups, history, committed)
                while steps and steps[0](committed):
                    steps.pop(0)
            except UnavailableError as error:  # the workers wait for Kafka, and so do we
                log.warning("waiting for Kafka", extra={"error": str(error)})
                health.report(KAFKA, str(error))
                continue
            health.report(KAFKA, None)
            telemetry.export_progress(plan.time_range, found)
            before = found.records_done if before is None else before
            speed = (found.records_done - before) / (time.monotonic() - began)
            bar.update(task, completed=found.records_done, told=_told(speed, found))
            if not steps:
                return True
    return False


def _steps(plan: Plan, groups: ConsumerGroups) -> list[Callable[[Mapping[int, int]], bool]]:
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


def _told(speed: float, found: ProgressSnapshot) -> str:
    """Speed, and the window of the stretch that the partition furthest behind has reached."""
    if not found.begun:
        return "starting …"
    if found.reached_ns is None:
        return f"{speed:.0f}/s, before --from"
    return f"{speed:.0f}/s, reached {time_text(found.reached_ns)}"


def _bar() -> Progress:
    return Progress(
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} records"),
        TextColumn("{task.fields[told]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
