"""Layout: in which order a batch's numbers are kept: those of one metric of all like groups side by side.

The memory of all pods, then their CPU, and so on: neighbours are alike, which makes a block a third smaller than with
the numbers of each pod together.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias, TypeVar

INT: Final = "q"
FLOAT: Final = "d"
Kind: TypeAlias = tuple[tuple[str, ...], str]
"""What makes groups alike: their metrics, and the types of these, a letter a number."""

_Item = TypeVar("_Item")
_INDEX: Final = "I"


class Layout:
    """Places of the numbers of groups of these kinds, in the order in which entities have them."""

    __slots__ = ("_firsts", "_strides", "numbers")

    def __init__(self, kinds: Iterable[Kind]) -> None:
        """Of as many groups as there are kinds."""
        each = list(kinds)
        counts = Counter(each)
        free: dict[Kind, int] = {}
        self.numbers = 0
        for kind, count in counts.items():
            free[kind] = self.numbers
            self.numbers += count * len(kind[0])
        self._firsts, self._strides = array(_INDEX), array(_INDEX)
        for kind in each:
            self._firsts.append(free[kind])
            self._strides.append(counts[kind])
            free[kind] += 1

    def places(self, group: int, count: int) -> range:
        """Where the `count` numbers of a group are, in the order of its metrics."""
        first, stride = self._firsts[group], self._strides[group]
        return range(first, first + stride * count, stride)

    def laid_out(self, groups: Iterable[Sequence[_Item]], blank: _Item) -> list[_Item]:
        """What groups have for each of their numbers, in this order; no `blank` is left."""
        found = [blank] * self.numbers
        for group, own in enumerate(groups):
            places = self.places(group, len(own))
            found[places.start : places.stop : places.step] = own
        return found
