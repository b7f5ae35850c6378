"""Options of line protocol, and the result of rendering."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, TypeAlias

from writer.lines.line_protocol import Problem

TagSet: TypeAlias = Literal["1.3", "1.5"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PointSchema:
    """Which points a metric set becomes.

    `with_fields` writes a measurement per group of metrics instead of one per metric. Tag set 1.5 omits the labels
    namespace_id, pod_id, hostname and host_id; 1.3 has every label, and `pod_namespace`. `cluster_name` None means
    the cluster of the record; an empty string omits the tag.
    """

    with_fields: bool = False
    counters_with_rates: bool = True
    tag_set: TagSet = "1.5"
    cluster_name: str | None = None


class Rendered(NamedTuple):
    """Lines with their line breaks, the number of points, and how often each problem occurred."""

    text: str
    points: int
    problems: Mapping[Problem, int]

    @property
    def lines(self) -> list[str]:
        """The lines without their line breaks."""
        return self.text.split("\n")[:-1]
