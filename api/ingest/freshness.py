"""Health: whether what is in the store may be taken for the state of now, and if not, why."""

from dataclasses import dataclass
from typing import Final

from api.store.current_view import State
from api.store.times import NS_PER_S, time_text

SILENT_NS: Final = 30 * NS_PER_S  # it tells once a second, and waits for Kafka for some seconds at most
NO_BATCH: Final = "could not get the latest data batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the reader of Kafka is."""

    started: bool = False  # it knows where every partition begins and ends
    partitions: int = 0
    behind: tuple[int, ...] = ()  # partitions with records that should have been read by now
    records_behind: int = 0  # in all partitions
    error: str | None = None  # what Kafka does not do; None while it does
    other_clusters: tuple[str, ...] = ()  # whose records are there too, and are not taken
    rejected: int = 0  # records that could not be read
    told_ns: int | None = None  # when it was so; None: before anything has been told

    @property
    def caught_up(self) -> bool:
        """Whether everything has been read that should have been by now."""
        return self.started and not self.behind


def unhealthy(state: State, now_ns: int) -> str | None:
    """Heapster's word for why it is not healthy, None if it is."""
    if state.newest_ns is None:
        return NO_BATCH
    if now_ns - state.newest_ns > state.stale_after_ns:
        return f"No current data batch available (latest: {_go_time(state.newest_ns)})."
    return None


def not_ready(state: State, progress: Progress, now_ns: int) -> list[str]:
    """Why answers are not what they should be, in the order of what to look at first; nothing if they are."""
    reasons = []
    if progress.told_ns is not None and now_ns - progress.told_ns > SILENT_NS:
        silent_s = (now_ns - progress.told_ns) // NS_PER_S
        reasons.append(f"nothing has been heard for {silent_s} s from the process that follows Kafka: does it hang?")
    if progress.error is not None:
        reasons.append(f"Kafka: {progress.error}")
    if not progress.started:
        reasons.append("derived-metrics is not being read yet")
    if progress.behind:
        which = ", ".join(str(partition) for partition in progress.behind)
        reasons.append(f"catching up: {progress.records_behind} records behind, in partitions {which}")
    if state.newest_ns is None:
        reasons.append(_nothing(progress))
    elif now_ns - state.newest_ns > state.stale_after_ns:
        age_s = (now_ns - state.newest_ns) // NS_PER_S
        reasons.append(f"no news: the newest window ended at {time_text(state.newest_ns)}, {age_s} s ago")
    return reasons


def _nothing(progress: Progress) -> str:
    if progress.other_clusters:
        others = ", ".join(progress.other_clusters)
        return f"no window of this cluster has arrived yet, only of {others}: is --cluster-name right?"
    return "no window has arrived yet: do scrapers and processors run?"


def _go_time(time_ns: int) -> str:
    return time_text(time_ns).replace("T", " ").replace("Z", " +0000 UTC")
