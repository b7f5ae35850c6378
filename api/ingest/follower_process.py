"""Intake: following goes on in a process of its own, so that decoding never keeps an answer waiting.

A node's record takes some milliseconds to decode in one piece, in which nothing else runs in that process: with a
thousand nodes answers would wait for each other (docs/api.md has the figures).
"""

import logging
import multiprocessing
import signal
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Final

from api.ingest.follower import Deliver, FollowConfig, Follower
from api.ingest.freshness import Progress
from api.store.packed_batch import PackedBatch
from runtime.logs import LogSettings

log = logging.getLogger(__name__)

_END_WITHIN_S: Final = 5.0


class FollowerProcess:
    """The following process, and the thread that hands on what it delivers."""

    def __init__(self, config: FollowConfig, logs: LogSettings, deliver: Deliver, failed: Callable[[], None]) -> None:
        """`failed` is called if the process ends by itself."""
        context = multiprocessing.get_context("spawn")
        self._from_process, to_us = context.Pipe(duplex=False)
        self._process = context.Process(target=_follow, args=(config, logs, to_us), name="follow", daemon=True)
        self._to_us = to_us
        self._deliver = deliver
        self._failed = failed
        self._stopping = False
        self._thread = threading.Thread(target=self._hand_on, name="intake", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._process.start()
        self._to_us.close()  # so that we see the process end
        self._thread.start()

    def stop(self) -> None:
        """End it; it holds nothing that would have to be finished."""
        self._stopping = True
        self._process.kill()
        self._process.join(_END_WITHIN_S)
        self._thread.join(_END_WITHIN_S)

    def _hand_on(self) -> None:
        try:
            while True:
                self._deliver(self._from_process.recv())
        except (EOFError, OSError):  # the latter: it has ended in the middle of a message
            if not self._stopping:
                log.error("the process that follows Kafka has ended", extra={"status": self._process.exitcode})  # noqa: TRY400 - nothing of ours went wrong
        finally:  # whatever it was: nothing is taken in any more
            if not self._stopping:
                self._failed()


def _follow(config: FollowConfig, logs: LogSettings, to_parent: Connection) -> None:
    """The process: until the parent kills it, or is gone."""
    for number in (signal.SIGINT, signal.SIGTERM):  # sent to the whole process group: the parent's business
        signal.signal(number, signal.SIG_IGN)
    logs.start()

    def deliver(news: PackedBatch | Progress) -> None:
        to_parent.send(news)

    try:
        Follower(config, deliver, threading.Event()).run()
    except BrokenPipeError:
        log.info("nobody is there to hand on to, leaving")
