"""Tags: the labels of a metric set as they stand in its lines, `,name=value` sorted by name (docs/labels.md, tags)."""

from collections.abc import Mapping
from typing import Final

from schemas.catalogue import POD, POD_CONTAINER, EntityType
from schemas.metric_batch import MetricSet
from writer.lines.line_protocol import Problems, cleaned, escaped
from writer.lines.point_schema import TagSet

CLUSTER_NAME: Final = "cluster_name"
NAMESPACE_NAME: Final = "namespace_name"
POD_NAMESPACE: Final = "pod_namespace"
LEFT_OUT: Final[Mapping[TagSet, frozenset[str]]] = {
    "1.5": frozenset({"namespace_id", "pod_id", "hostname", "host_id"}),
    "1.3": frozenset(),
}
_IN_A_POD: Final[frozenset[EntityType]] = frozenset({POD, POD_CONTAINER})


def has_pod_namespace(kind: EntityType | None, tag_set: TagSet) -> bool:
    """Whether the namespace of such an entity, if it has one, is a tag once more."""
    return tag_set == "1.3" and kind in _IN_A_POD


def entity_labels(metric_set: MetricSet, tag_set: TagSet) -> Mapping[str, str]:
    """The labels that a set's tags are made of."""
    labels = metric_set.labels
    if has_pod_namespace(metric_set.type, tag_set) and NAMESPACE_NAME in labels:
        return {**labels, POD_NAMESPACE: labels[NAMESPACE_NAME]}
    return labels


def tags(labels: Mapping[str, str], cluster: str, tag_set: TagSet, problems: Problems) -> str:
    """The tags of these labels and of the cluster's name, escaped; empty ones are left out."""
    written: dict[str, str] = {}
    for name, value in labels.items():
        if name not in LEFT_OUT[tag_set]:
            written[cleaned(name, problems)] = cleaned(value, problems)
    written[CLUSTER_NAME] = cleaned(cluster, problems)
    return "".join(f",{escaped(name)}={escaped(written[name])}" for name in sorted(written) if name and written[name])
