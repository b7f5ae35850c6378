"""The wish to stop: SIGTERM and SIGINT become an event that everything waits on."""

import signal
import threading
from types import FrameType


def stop_on_signals() -> threading.Event:
    """An event that the first SIGTERM or SIGINT sets."""
    stopped = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopped.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    return stopped


def exit_on_ctrl_c() -> None:
    """For what has nothing to finish: Python would wait for the end of a call that waits for Kafka."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
