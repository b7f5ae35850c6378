"""What processes cost: CPU, pace and memory for each node-scrape they have done, once they are warm."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from tools.bench.machine import used
from tools.stack.process import Process, ProcessError

LOOK_EVERY_S: Final = 0.25
_LONGEST_S: Final = 240.0


@dataclass(frozen=True, slots=True)
class Cost:
    """What one or several processes needed for a node-scrape, all together."""

    cpu_ms: float
    per_second: float  # node-scrapes
    peak_mb: float


class _Standing(NamedTuple):
    records: int
    at_s: float
    cpu_s: float


def cost(
    processes: Sequence[Process],
    done: Callable[[], int],
    *,
    warm: float,
    records: float,
    scrapes_a_record: float = 1.0,
) -> Cost:
    """From `warm` records on, when caches are filled and connections made, until so many are done.

    Raises:
        ProcessError: one of them has ended, or it takes too long.
    """
    before = done()
    begin = _reached(processes, lambda: done() - before, warm)
    end = _reached(processes, lambda: done() - before, records)
    scrapes = max(1.0, (end.records - begin.records) * scrapes_a_record)
    return Cost(
        cpu_ms=round((end.cpu_s - begin.cpu_s) * 1000 / scrapes, 3),
        per_second=round(scrapes / max(0.001, end.at_s - begin.at_s), 1),
        peak_mb=round(sum(used(process.pid).peak_bytes for process in processes) / 2**20, 1),
    )


def all_done(processes: Sequence[Process], done: Callable[[], int], records: float) -> None:
    """Wait until so many are done. Raises ProcessError: one of them has ended, or it takes too long."""
    _reached(processes, done, records)


def _reached(processes: Sequence[Process], done: Callable[[], int], wanted: float) -> _Standing:
    """Where they stand once that is done."""
    began_s = time.monotonic()
    while (so_far := done()) < wanted:
        if ended := next((process for process in processes if not process.running), None):
            raise ProcessError(f"{ended.name} has ended; its log {ended.log}:\n{ended.log_tail()}")
        if time.monotonic() - began_s > _LONGEST_S:
            raise ProcessError(
                f"{processes[0].name} has done {so_far} of {wanted:.0f} in {_LONGEST_S:.0f} s: {processes[0].log}"
            )
        time.sleep(LOOK_EVERY_S)
    return _Standing(so_far, time.monotonic(), sum(used(process.pid).cpu_s for process in processes))
