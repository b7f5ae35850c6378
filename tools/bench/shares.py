"""Less than a core for a process: what several of them do when cores are not what they wait for."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import Final

from tools.bench.machine import tree, used
from tools.stack.process import Process

_TURN_S: Final = 0.02
_SAVED_S: Final = 0.05  # of CPU: what a process that has waited may use at once


@contextmanager
def shares(processes: Sequence[Process], share: float) -> Iterator[None]:
    """Let each process, with those that it has started, use no more than this share of a core; 1: all of it."""
    over = threading.Event()
    with ExitStack() as ending:
        if share < 1:
            for process in processes:
                holding = threading.Thread(target=_hold, args=(process.pid, share, over))
                holding.start()
                ending.callback(holding.join)
        ending.callback(over.set)
        yield


def _hold(pid: int, share: float, over: threading.Event) -> None:
    """Stop it whenever it has used more than was its due, and let it go on when that is made up for."""
    left_s, looked_s, used_s, stopped = 0.0, time.monotonic(), used(pid).cpu_s, False
    try:
        while not over.wait(_TURN_S):
            now_s, now_used_s = time.monotonic(), used(pid).cpu_s
            left_s = min(_SAVED_S, left_s + share * (now_s - looked_s) - (now_used_s - used_s))
            looked_s, used_s = now_s, now_used_s
            if stopped != (left_s < 0):
                stopped = not stopped
                _tell(pid, signal.SIGSTOP if stopped else signal.SIGCONT)
    finally:
        _tell(pid, signal.SIGCONT)


def _tell(pid: int, what: signal.Signals) -> None:
    for each in tree(pid):
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(each, what)
