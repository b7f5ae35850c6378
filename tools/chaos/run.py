"""One run: faults one after the other, and what was done when."""

import threading
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import requests

from runtime.duration import NS_PER_S
from runtime.kafka import HEARTBEAT_S, SESSION_TIMEOUT_S
from scraper.rounds.schedule import max_round_ns
from tools.chaos.bench import RESOLUTION_S, Bench
from tools.chaos.faults import Fault
from tools.chaos.windows import Excuse

_LOOK_EVERY_S: Final = 0.5
_SHARED_WITHIN_S: Final = 60.0
_ROUND_S: Final = max_round_ns(RESOLUTION_S * NS_PER_S) / NS_PER_S
_TAKEOVER_S: Final = SESSION_TIMEOUT_S + HEARTBEAT_S + 2.0
"""Until Kafka gives a silent worker's partitions away, until the others hear of it, and what that takes by itself."""
_CAUGHT_UP_S: Final = _ROUND_S - 1.0
"""Whoever takes over scrapes a window that fired no longer ago: with windows of 10 s, one is lost at most."""


class Run:
    """What happens to a bench."""

    def __init__(self, bench: Bench, chance: Random, tell: Callable[[str], None], stopped: threading.Event) -> None:
        """Nothing happens yet; `tell` takes a line on everything that does."""
        self.takeovers: list[Excuse] = []
        self.poison = 0
        self._bench = bench
        self._chance = chance
        self._tell = tell
        self._stopped = stopped
        self._began_s = time.monotonic()

    def until_scraped(self) -> bool:
        """Wait for the first points; False if told to stop before."""
        return self._wait_for(self._has_points)

    def play(self, faults: Sequence[Fault], for_s: float) -> bool:
        """Faults for so long, in random order, each once before any comes again; False if told to stop before."""
        ends_s = time.monotonic() + for_s
        left: list[Fault] = []
        while time.monotonic() < ends_s:
            left = left or self._chance.sample(faults, len(faults))
            if not self._break(left.pop()) or not self._wait(self._chance.uniform(1.0, 4.0)):
                return False
        return True

    def _break(self, fault: Fault) -> bool:
        if fault.of_scrapers and not self.until_shared():
            return False
        for what, for_s, orphaned in fault.act(self._bench, self._chance):
            self._say(what)
            if orphaned:
                self.takeovers.append(takeover(orphaned, time.time_ns()))
            if not self._wait(for_s):
                return False
        self.poison += fault.poison
        return True

    def until_shared(self) -> bool:
        """Wait until all nodes are scraped by somebody again, though not for ever; False if told to stop before."""
        ends_s = time.monotonic() + _SHARED_WITHIN_S
        return self._wait_for(lambda: self._bench.all_are_scraped() or time.monotonic() > ends_s)

    def _wait(self, for_s: float) -> bool:
        ends_s = time.monotonic() + for_s
        return self._wait_for(lambda: time.monotonic() >= ends_s)

    def _wait_for(self, reached: Callable[[], bool]) -> bool:
        while not reached():
            if self._stopped.wait(_LOOK_EVERY_S):
                return False
            self.revive()
        return True

    def revive(self) -> None:
        """Start again whoever has ended by itself."""
        for worker in self._bench.revive():
            self._say(f"{worker.name} had ended by itself: started again")

    def _has_points(self) -> bool:
        try:
            return self._bench.database.points() > 0
        except requests.RequestException:
            return False

    def _say(self, what: str) -> None:
        self._tell(f"{time.monotonic() - self._began_s:6.1f} s  {what}")


def takeover(partitions: frozenset[int], at_ns: int) -> Excuse:
    """What it may cost that a scraper, or Kafka, is gone since then: a round is cut, or nobody has the next one."""
    return Excuse(
        partitions,
        begin_ns=at_ns - int(_ROUND_S * NS_PER_S),
        end_ns=at_ns + int((_TAKEOVER_S - _CAUGHT_UP_S) * NS_PER_S),
    )
