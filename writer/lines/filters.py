"""Filters: the metric sets, values and labels of a batch that a sink accepts.

Pure. The decision on a name, or on a combination of names, is made once and cached.
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

IDENTIFYING_LABELS: Final = (
    *("type", "nodename", "namespace_name", "pod_name", "container_name", "workload", "workload_kind"),
    *("resource_id", "pvc", "interface", "make", "model", "accelerator_id", "cluster_name"),
)
"""Labels that distinguish series: without one of them, points of different series overwrite each other."""

_LABELED_TYPES: Final[frozenset[EntityType]] = frozenset({NODE, POD, POD_CONTAINER})  # with Kubernetes labels
_NAME_CACHE_SIZE: Final = 65_536
_NAMES_CACHE_SIZE: Final = 4096


@dataclass(frozen=True, slots=True)
class NameFilter:
    """Include and exclude patterns for names; `include` None includes every name, `exclude` takes precedence."""

    include: re.Pattern[str] | None = None
    exclude: re.Pattern[str] | None = None

    @classmethod
    def of(cls, include: Iterable[str] = (), exclude: Iterable[str] = ()) -> Self:
        """Build a filter from globs; `*` also matches slashes. No `include` glob includes every name."""
        return cls(_any_of(include), _any_of(exclude))

    def accepts(self, *names: str) -> bool:
        """Whether at least one of the names is included and none is excluded."""
        if self.exclude is not None and any(map(self.exclude.fullmatch, names)):
            return False
        return self.include is None or any(map(self.include.fullmatch, names))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The filter of a sink. A metric set to which a part does not apply passes that part.

    `namespaces` applies to namespaces and the entities in them. `labels` matches Kubernetes labels as `team=blue`
    and applies to nodes, pods and containers of pods. `tags` names the labels that a metric set keeps.
    """

    metrics: NameFilter = NameFilter()
    types: NameFilter = NameFilter()
    namespaces: NameFilter = NameFilter()
    labels: NameFilter = NameFilter()
    tags: NameFilter = NameFilter()


NO_FILTER: Final = Filter()


def filter_batch(batch: MetricBatch, sink_filter: Filter) -> MetricBatch:
    """The batch reduced to what the filter accepts, without the metric sets that have no value left."""
    if sink_filter == NO_FILTER:
        return batch
    reduced = (
        _reduce(each, sink_filter) for each in batch.sets if _is_accepted(each, batch.object_labels, sink_filter)
    )
    return replace(batch, sets=tuple(each for each in reduced if each.values or each.labeled))


def _is_accepted(metric_set: MetricSet, object_labels: Mapping[str, Mapping[str, str]], sink_filter: Filter) -> bool:
    if not _accepts(sink_filter.types, metric_set.type):
        return False
    namespace = metric_set.labels.get("namespace_name")
    if namespace is not None and not _accepts(sink_filter.namespaces, namespace):
        return False
    if sink_filter.labels == NO_FILTER.labels or metric_set.type not in _LABELED_TYPES:
        return True
    return sink_filter.labels.accepts(*_label_pairs(metric_set, object_labels))


def _label_pairs(metric_set: MetricSet, object_labels: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Kubernetes labels as `team=blue`, of a container those of its pod. Records before version 4 have only text."""
    if object_labels:
        return [f"{name}={value}" for name, value in object_labels.get(pod_of(metric_set.key), {}).items()]
    return [pair.replace(":", "=", 1) for pair in metric_set.labels.get("labels", "").split(",")]


def _reduce(metric_set: MetricSet, sink_filter: Filter) -> MetricSet:
    labeled = (LabeledValues(each.labels, _values(each.values, sink_filter.metrics)) for each in metric_set.labeled)
    return metric_set._replace(
        labels=_labels(metric_set.labels, sink_filter.tags),
        values=_values(metric_set.values, sink_filter.metrics),
        labeled=tuple(each for each in labeled if each.values),
    )


def _values(values: Mapping[str, Number], metrics: NameFilter) -> Mapping[str, Number]:
    names, is_all = _accepted_names(tuple(values), metrics)
    return values if is_all else {name: values[name] for name in names}


def _labels(labels: Mapping[str, str], tags: NameFilter) -> Mapping[str, str]:
    names, is_all = _accepted_names(tuple(labels), tags)
    return labels if is_all else {name: labels[name] for name in names}


class _AcceptedNames(NamedTuple):
    names: tuple[str, ...]
    is_all: bool


@lru_cache(maxsize=_NAMES_CACHE_SIZE)
def _accepted_names(names: tuple[str, ...], name_filter: NameFilter) -> _AcceptedNames:
    accepted = tuple(name for name in names if name_filter.accepts(name))
    return _AcceptedNames(accepted, len(accepted) == len(names))


@lru_cache(maxsize=_NAME_CACHE_SIZE)
def _accepts(name_filter: NameFilter, name: str) -> bool:
    return name_filter.accepts(name)


def _any_of(globs: Iterable[str]) -> re.Pattern[str] | None:
    patterns = [translate(glob) for glob in globs]
    return re.compile("|".join(patterns)) if patterns else None
