"""Tags: the labels of a metric set as they stand in its lines, `,name=value` sorted by name (docs/labels.md, tags).

A node's sets have few combinations of names: their order and escaping is found once, the values are put in at once.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from operator import itemgetter
from typing import Final, Literal, NamedTuple, TypeAlias, cast

from schemas.catalogue import POD, POD_CONTAINER
from schemas.metric_batch import MetricSet
from writer.protocol import Problems, cleaned, escaped

TagSet: TypeAlias = Literal["1.3", "1.5"]

_CLUSTER_NAME: Final = "cluster_name"
_NAMESPACE_NAME: Final = "namespace_name"
_LEFT_OUT: Final[Mapping[TagSet, frozenset[str]]] = {
    "1.5": frozenset({"namespace_id", "pod_id", "hostname", "host_id"}),
    "1.3": frozenset(),
}
_LAYOUTS_KEPT: Final = 4096
_BETWEEN: Final = "\0"  # stands between values while they are escaped together


class _Layout(NamedTuple):
    form: str  # `,name=%s` of each tag
    values: Callable[[Mapping[str, str]], tuple[str, ...]]  # in the same order


def entity_labels(metric_set: MetricSet, tag_set: TagSet) -> Mapping[str, str]:
    """The labels that a set's tags are made of."""
    labels = metric_set.labels
    if tag_set == "1.3" and metric_set.type in {POD, POD_CONTAINER} and _NAMESPACE_NAME in labels:
        return {**labels, "pod_namespace": labels[_NAMESPACE_NAME]}
    return labels


def tags(labels: Mapping[str, str], cluster: str, tag_set: TagSet, problems: Problems) -> str:
    """The tags of these labels and of the cluster's name, escaped; empty ones are left out."""
    layout = _layout(tuple(labels), cluster, tag_set)
    if layout is not None:
        values = layout.values(labels)
        joined = _BETWEEN.join(values)
        if all(values) and _is_plain(joined, len(values)):
            return layout.form % tuple(escaped(joined).split(_BETWEEN))
    return _one_by_one(labels, cluster, tag_set, problems)


def _is_plain(joined: str, count: int) -> bool:
    """Whether these values need nothing but escaping."""
    if "\n" in joined or joined.count(_BETWEEN) != count - 1:
        return False
    return "\\" not in joined or not (f"\\{_BETWEEN}" in joined or joined.endswith("\\"))


@lru_cache(maxsize=_LAYOUTS_KEPT)
def _layout(names: tuple[str, ...], cluster: str, tag_set: TagSet) -> _Layout | None:
    """None if names or cluster have to be mended, or are few: tags are written one by one then."""
    problems = Problems()
    taken = [name for name in names if name not in _LEFT_OUT[tag_set] and name != _CLUSTER_NAME]
    written = {name: cleaned(name, problems) for name in taken}
    cluster_tag = cleaned(cluster, problems)
    if problems or "" in written or len(taken) < 2:  # noqa: PLR2004 - itemgetter gives a tuple for two or more
        return None
    in_order = sorted(taken)
    forms = {name: f",{_literally(name)}=%s" for name in in_order}
    if cluster_tag:
        forms[_CLUSTER_NAME] = f",{_CLUSTER_NAME}={_literally(cluster_tag)}"
    form = "".join(forms[name] for name in sorted(forms))
    return _Layout(form, cast("Callable[[Mapping[str, str]], tuple[str, ...]]", itemgetter(*in_order)))


def _literally(text: str) -> str:
    return escaped(text).replace("%", "%%")


def _one_by_one(labels: Mapping[str, str], cluster: str, tag_set: TagSet, problems: Problems) -> str:
    written: dict[str, str] = {}
    for name, value in labels.items():
        if name not in _LEFT_OUT[tag_set]:
            written[cleaned(name, problems)] = cleaned(value, problems)
    written[_CLUSTER_NAME] = cleaned(cluster, problems)
    return "".join(f",{escaped(name)}={escaped(written[name])}" for name in sorted(written) if name and written[name])
