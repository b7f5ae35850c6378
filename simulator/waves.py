"""Waves: rates that swell and ebb, and the counters that grow by them."""

import math
from dataclasses import dataclass
from typing import Final, Self

from simulator import chance

ANCHOR_S: Final = 1_577_836_800  # 2020-01-01, where every integral begins; near enough to keep all digits
_SWING: Final = 0.6  # less than 1: a rate is never negative, so a counter never falls
_SHORTEST_S: Final = 60
_LONGEST_S: Final = 900


@dataclass(frozen=True, slots=True)
class Wave:
    """Something that varies smoothly around its mean: a rate per second, or a level."""

    mean: float
    period_s: float
    phase: float  # radians

    @classmethod
    def drawn(cls, mean: float, *path: object) -> Self:
        """With a period and phase of its own."""
        period_s = chance.between(_SHORTEST_S, _LONGEST_S, *path, "period")
        return cls(mean, period_s, 2 * math.pi * chance.fraction(*path, "phase"))

    def at(self, at_s: int) -> float:
        """Its value at a time."""
        return self.mean * (1 + _SWING * math.sin(self._angle(at_s)))

    def growth(self, since_s: int, until_s: int) -> int:
        """The whole units that a counter with this rate has grown by; never less for a later `until_s`."""
        return math.floor(self._total(until_s) - self._total(since_s))

    def _total(self, until_s: int) -> float:
        swung = _SWING * self.period_s / (2 * math.pi) * math.cos(self._angle(until_s))
        return self.mean * (until_s - ANCHOR_S - swung)

    def _angle(self, at_s: int) -> float:
        return 2 * math.pi * (at_s - ANCHOR_S) / self.period_s + self.phase
