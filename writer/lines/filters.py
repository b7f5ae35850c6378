"""Filters: which metric sets, values and labels of a batch go to a sink.

Pure, and cheap: what a filter says of a name, or of a combination of metrics, is decided once.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import translate
from functools import lru_cache
from typing import Final, NamedTuple, Self

from schemas.catalogue import NODE, POD, POD_CONTAINER, EntityType, Number
from schemas.keys import pod_of
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet

DISTINGUISHING: Final = (
    *("type", "nodename", "namespace_name", "pod_name", "container_name", "workload", "workload_kind"),
    *("resource_id", "pvc", "interface", "make", "model", "accelerator_id", "cluster_name"),
)
"""Labels that tell one series from another: without one of them, points would overwrite each other."""

_LABELED: Final[frozenset[EntityType]] = frozenset({NODE, POD, POD_CONTAINER})  # what has labels in Kubernetes
_DECISIONS_KEPT: Final = 65_536
_COMBINATIONS_KEPT: Final = 4096


@dataclass(frozen=True, slots=True)
class Choice:
    """What is wanted by name: anything if `wanted` is None, but never what is `unwanted`."""

    wanted: re.Pattern[str] | None = None
    unwanted: re.Pattern[str] | None = None

    @classmethod
    def of(cls, wanted: Iterable[str] = (), unwanted: Iterable[str] = ()) -> Self:
        """From globs; `*` stands for slashes too. None that are wanted: everything is."""
        return cls(_any_of(wanted), _any_of(unwanted))

    def accepts(self, *names: str) -> bool:
        """Whether what goes by all of these names is chosen: one of them is wanted and none unwanted."""
        if self.unwanted is not None and any(map(self.unwanted.fullmatch, names)):
            return False
        return self.wanted is None or any(map(self.wanted.fullmatch, names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """What a sink is given. Each part asks only those that have what it asks for; the others pass.

    Namespaces are asked of all that is in one, and of namespaces themselves. Labels, as `team=blue`, are those of
    Kubernetes, asked of nodes, pods and their containers. `tags` are the names of labels that stay on a metric set.
    """

    metrics: Choice = Choice()
    types: Choice = Choice()
    namespaces: Choice = Choice()
    labels: Choice = Choice()
    tags: Choice = Choice()


EVERYTHING: Final = Filter()


def filtered(batch: MetricBatch, chosen: Filter) -> MetricBatch:
    """The batch with what is left of it; a metric set of which no value is left is gone."""
    if chosen == EVERYTHING:
        return batch
    left = (_left(each, chosen) for each in batch.sets if _is_chosen(each, batch.object_labels, chosen))
    return replace(batch, sets=tuple(each for each in left if each.values or each.labeled))


def _is_chosen(metric_set: MetricSet, object_labels: Mapping[str, Mapping[str, str]], chosen: Filter) -> bool:
    if not _accepts(chosen.types, metric_set.type):
        return False
    namespace = metric_set.labels.get("namespace_name")
    if namespace is not None and not _accepts(chosen.namespaces, namespace):
        return False
    if chosen.labels == EVERYTHING.labels or metric_set.type not in _LABELED:
        return True
    return chosen.labels.accepts(*_label_pairs(metric_set, object_labels))


def _label_pairs(metric_set: MetricSet, object_labels: Mapping[str, Mapping[str, str]]) -> list[str]:
    """As `team=blue`; of a container those of its pod. Records of before version 4 have them as text only."""
    if object_labels:
        return [f"{name}={value}" for name, value in object_labels.get(pod_of(metric_set.key), {}).items()]
    return [pair.replace(":", "=", 1) for pair in metric_set.labels.get("labels", "").split(",")]


def _left(metric_set: MetricSet, chosen: Filter) -> MetricSet:
    labeled = (LabeledValues(each.labels, _values(each.values, chosen.metrics)) for each in metric_set.labeled)
    return metric_set._replace(
        labels=_labels(metric_set.labels, chosen.tags),
        values=_values(metric_set.values, chosen.metrics),
        labeled=tuple(each for each in labeled if each.values),
    )


def _values(values: Mapping[str, Number], metrics: Choice) -> Mapping[str, Number]:
    names, is_all = _names_left(tuple(values), metrics)
    return values if is_all else {name: values[name] for name in names}


def _labels(labels: Mapping[str, str], tags: Choice) -> Mapping[str, str]:
    names, is_all = _names_left(tuple(labels), tags)
    return labels if is_all else {name: labels[name] for name in names}


class _NamesLeft(NamedTuple):
    names: tuple[str, ...]
    is_all: bool


@lru_cache(maxsize=_COMBINATIONS_KEPT)
def _names_left(names: tuple[str, ...], chosen: Choice) -> _NamesLeft:
    left = tuple(name for name in names if chosen.accepts(name))
    return _NamesLeft(left, len(left) == len(names))


@lru_cache(maxsize=_DECISIONS_KEPT)
def _accepts(choice: Choice, name: str) -> bool:
    return choice.accepts(name)


def _any_of(globs: Iterable[str]) -> re.Pattern[str] | None:
    patterns = [translate(glob) for glob in globs]
    return re.compile("|".join(patterns)) if patterns else None
