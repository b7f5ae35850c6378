"""Graceful shutdown on SIGTERM and SIGINT."""

import signal
import threading
from types import FrameType


def stop_on_signals() -> threading.Event:
    """Return an event that the first SIGTERM or SIGINT sets."""
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopped


def exit_on_ctrl_c() -> None:
    """End the process at once on Ctrl-C, for commands without cleanup; Python would first let calls to Kafka end."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
