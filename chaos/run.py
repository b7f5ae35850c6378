"""One run: faults one after the other, and what was done when."""

import threading
import time
from collections.abc import Callable, Sequence
from random import Random
from typing import Final

import requests

from chaos.bench import RESOLUTION_S, Bench
from chaos.faults import Fault
from chaos.windows import Interval
from runtime.kafka import SESSION_TIMEOUT_S

_LOOK_EVERY_S: Final = 0.5
_TAKEOVER_S: Final = SESSION_TIMEOUT_S + 5.0  # until Kafka gives a silent worker's partitions away, and the start
_NS_PER_S: Final = 1_000_000_000


class Run:
    """What happens to a bench."""

    def __init__(self, bench: Bench, chance: Random, tell: Callable[[str], None], stopped: threading.Event) -> None:
        """Nothing happens yet; `tell` takes a line on everything that does."""
        self.scraping_stopped: list[Interval] = []
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
            if not self._break(left.pop()) or not self._wait(self._chance.uniform(1.0, 6.0)):
                return False
        return True

    def _break(self, fault: Fault) -> bool:
        begin_ns = time.time_ns()
        for what, for_s in fault.act(self._bench, self._chance):
            self._say(what)
            if not self._wait(for_s):
                return False
        self.poison += fault.poison
        if fault.stops_scraping:
            after_ns = int((_TAKEOVER_S + RESOLUTION_S) * _NS_PER_S)
            self.scraping_stopped.append(Interval(begin_ns, time.time_ns() + after_ns))
        return True

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
