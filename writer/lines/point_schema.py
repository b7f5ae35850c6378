"""Schema: which points are made of metric sets, and what has become of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from writer.lines.line_protocol import Problem

TagSet: TypeAlias = Literal["1.3", "1.5"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSchema:
    """Which points are made of a metric set.

    `with_fields` has a measurement per group of metrics instead of one per metric. The tag set of 1.5 leaves the
    four identifiers out; that of 1.3 has every label, and `pod_namespace`. `cluster_name` None is the record's own
    cluster; an empty one leaves the tag out.
    """

    with_fields: bool = False
    counters_with_rates: bool = True
    tag_set: TagSet = "1.5"
    cluster_name: str | None = None


class Rendered(NamedTuple):
    """Lines, each with its end, how many they are, and how often which problem was met."""

    text: str
    points: int
    problems: Mapping[Problem, int]

    @property
    def lines(self) -> list[str]:
        """One by one, without their ends."""
        return self.text.split("\n")[:-1]
