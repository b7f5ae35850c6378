"""Tags: the labels of a metric set in line protocol, `,name=value` sorted by name (docs/labels.md, tags)."""

from collections.abc import Mapping
from typing import Final

from schemas.catalogue import POD, POD_CONTAINER, EntityType
from schemas.metric_batch import MetricSet
from writer.lines.line_protocol import Problems, escape, sanitize
from writer.lines.point_schema import TagSet

CLUSTER_NAME: Final = "cluster_name"
NAMESPACE_NAME: Final = "namespace_name"
POD_NAMESPACE: Final = "pod_namespace"
OMITTED_LABELS: Final[Mapping[TagSet, frozenset[str]]] = {
    "1.5": frozenset({"namespace_id", "pod_id", "hostname", "host_id"}),
    "1.3": frozenset(),
}
_POD_TYPES: Final[frozenset[EntityType]] = frozenset({POD, POD_CONTAINER})


def has_pod_namespace(entity_type: EntityType | None, tag_set: TagSet) -> bool:
    """Whether the namespace of this entity type also becomes the tag `pod_namespace`."""
    return tag_set == "1.3" and entity_type in _POD_TYPES


def tag_labels(metric_set: MetricSet, tag_set: TagSet) -> Mapping[str, str]:
    """The labels of a metric set, with `pod_namespace` where the tag set has it."""
    labels = metric_set.labels
    if has_pod_namespace(metric_set.type, tag_set) and NAMESPACE_NAME in labels:
        return {**labels, POD_NAMESPACE: labels[NAMESPACE_NAME]}
    return labels


def render_tags(labels: Mapping[str, str], cluster: str, tag_set: TagSet, problems: Problems) -> str:
    """Render labels and cluster name as escaped tags; empty ones are omitted."""
    tags: dict[str, str] = {}
    for name, value in labels.items():
        if name not in OMITTED_LABELS[tag_set]:
            tags[sanitize(name, problems)] = sanitize(value, problems)
    tags[CLUSTER_NAME] = sanitize(cluster, problems)
    return "".join(f",{escape(name)}={escape(tags[name])}" for name in sorted(tags) if name and tags[name])
