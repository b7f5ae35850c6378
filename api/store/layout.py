"""The order of a batch's numbers: values of the same metric of similar groups are stored side by side.

First the memory of all pods, then their CPU, and so on: neighbouring values are similar, which makes a compressed
block a third smaller than with the numbers of each pod together.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final, TypeAlias, TypeVar

INT: Final = "q"
FLOAT: Final = "d"
Kind: TypeAlias = tuple[tuple[str, ...], str]
"""Groups of one kind have the same metrics with the same types (one letter per number)."""

_Item = TypeVar("_Item")
_INDEX: Final = "I"


class Layout:
    """Positions of the numbers of groups, in the order in which entities have the groups."""

    __slots__ = ("_firsts", "_strides", "numbers")

    def __init__(self, kinds: Iterable[Kind]) -> None:
        """Take the kind of each group."""
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
        """Return the positions of the `count` numbers of a group, in the order of its metrics."""
        first, stride = self._firsts[group], self._strides[group]
        return range(first, first + stride * count, stride)

    def laid_out(self, groups: Iterable[Sequence[_Item]], blank: _Item) -> list[_Item]:
        """Return the numbers of all groups in this order; `blank` is only a placeholder."""
        found = [blank] * self.numbers
        for group, own in enumerate(groups):
            places = self.places(group, len(own))
            found[places.start : places.stop : places.step] = own
        return found
