"""Show the progress of a replay until it is complete, and restart its workers if they end."""

import logging
import time
from collections.abc import Callable, Mapping
from threading import Event
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

_INTERVAL_S: Final = 1.0
_LOOP: Final = "progress"
_STUCK_AFTER_S: Final = 300.0  # longer than all requests of one update, each with a timeout of 20 s


def watch(
    plan: Plan, groups: ConsumerGroups, history: History, workers: list[WorkerProcess], stopped: Event, health: Health
) -> bool:
    """Show the progress until the replay is complete; return False if `stopped` is set before."""
    steps = _steps(plan, groups)
    topic = plan.processor.topics.kubelet_stats.name
    with _bar() as bar:
        task = bar.add_task("replay", total=max(1, plan.offsets.records), status="starting …")
        started_s, before = time.monotonic(), None
        while not stopped.wait(_INTERVAL_S):
            health.beat(_LOOP, _STUCK_AFTER_S)
            for worker in workers:
                health.report(worker.name, worker.keep_running())
            try:
                committed = groups.committed(plan.processor.group, topic)
                snapshot = progress_snapshot(plan, groups, history, committed)
                while steps and steps[0](committed):
                    steps.pop(0)
            except UnavailableError as error:  # the workers wait for Kafka too
                log.warning("waiting for Kafka", extra={"error": str(error)})
                health.report(KAFKA, str(error))
                continue
            health.report(KAFKA, None)
            telemetry.export_progress(plan.time_range, snapshot)
            before = snapshot.records_done if before is None else before
            speed = (snapshot.records_done - before) / (time.monotonic() - started_s)
            bar.update(task, completed=snapshot.records_done, status=_status(speed, snapshot))
            if not steps:
                return True
    return False


def _steps(plan: Plan, groups: ConsumerGroups) -> list[Callable[[Mapping[int, int]], bool]]:
    """Conditions that become true in this order: all scrapes processed, all sums processed, all points written."""
    config = plan.processor
    ends: dict[str, Mapping[int, int]] = {}

    def end_of(topic: str) -> Mapping[int, int]:
        """The topic's end offsets at the first call, when the previous step is complete."""
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


def _status(speed: float, snapshot: ProgressSnapshot) -> str:
    """Records per second, and the window that the slowest partition has reached."""
    if not snapshot.begun:
        return "starting …"
    if snapshot.reached_ns is None:
        return f"{speed:.0f}/s, before --from"
    return f"{speed:.0f}/s, reached {time_text(snapshot.reached_ns)}"


def _bar() -> Progress:
    return Progress(
        BarColumn(),
        TextColumn("{task.completed:.0f} of {task.total:.0f} records"),
        TextColumn("{task.fields[status]}"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
