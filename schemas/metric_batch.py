"""MetricBatch: all metric sets of one node or one group in one window; the record of `derived-metrics`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

from schemas.catalogue import BY_NUMBER, Number
from schemas.codec import Codec
from schemas.columns import to_columns
from schemas.metric_set import LabeledValues, MetricSet
from schemas.rows import LazyMetricSets, read_columns
from schemas.workload import Workload

__all__ = ["LabeledValues", "MetricBatch", "MetricSet", "Version", "decode_batch", "encode_batch"]

CODEC: Final = Codec("metric_batch", read_as_written={1, 2})
_NAMESPACE_PREFIX: Final = "namespace:"
_WORKLOAD_PREFIX: Final = "workload:"


class Version(NamedTuple):
    """Version of a batch: of two batches of one entity and window, the greater version includes more data."""

    nodes: int
    offsets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricBatch:
    """All metric sets of one node or one group in one window."""

    cluster: str
    entity: str  # the node's name or the group's key
    window_end_ns: int  # timestamp of every point
    resolution_ns: int
    sets: Sequence[MetricSet]
    version: Version
    nodes_counted: int = 1
    nodes_expected: int = 1
    # unchanged Kubernetes labels of the node and its pods by key; the text in the label `labels` can be ambiguous
    object_labels: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Key of this record in `derived-metrics`."""
        return f"{self.cluster}/{self.entity}"


def namespace_group(namespace: str) -> str:
    """The group of one namespace's pods; also the key of its metric set."""
    return _NAMESPACE_PREFIX + namespace


def namespace_of_group(group: str) -> str | None:
    """The namespace of a group, None if it is not the group of a namespace."""
    return group.removeprefix(_NAMESPACE_PREFIX) if group.startswith(_NAMESPACE_PREFIX) else None


def workload_group(workload: Workload) -> str:
    """The group of one workload's pods; also the key of its metric set."""
    return _WORKLOAD_PREFIX + "/".join(workload)


def workload_of_group(group: str) -> Workload | None:
    """The workload of a group, None if it is not the group of a workload."""
    if not group.startswith(_WORKLOAD_PREFIX):
        return None
    namespace, kind, name = group.removeprefix(_WORKLOAD_PREFIX).split("/", 2)
    return Workload(namespace, kind, name)


def encode_batch(batch: MetricBatch) -> bytes:
    """The record's bytes. Raises ValueError: a field does not fit the schema."""
    return CODEC.encode(
        {
            "cluster": batch.cluster,
            "entity": batch.entity,
            "window_end_ns": batch.window_end_ns,
            "resolution_ns": batch.resolution_ns,
            "nodes_counted": batch.nodes_counted,
            "nodes_expected": batch.nodes_expected,
            "version_nodes": batch.version.nodes,
            "version_offsets": batch.version.offsets,
            **to_columns(batch.sets),
            "object_labels": batch.object_labels,
        }
    )


def decode_batch(data: bytes | None) -> MetricBatch:
    """Decode a batch. Raises UndecodableError: no published version reads it."""
    record = cast("dict[str, Any]", CODEC.decode(data))
    return MetricBatch(
        cluster=record["cluster"],
        entity=record["entity"],
        window_end_ns=record["window_end_ns"],
        resolution_ns=record["resolution_ns"],
        nodes_counted=record["nodes_counted"],
        nodes_expected=record["nodes_expected"],
        version=Version(record["version_nodes"], record["version_offsets"]),
        sets=tuple(_set_of(fields) for fields in record["sets"])
        if "sets" in record
        else LazyMetricSets(read_columns(record)),
        object_labels=record.get("object_labels", {}),
    )


def _set_of(fields: dict[str, Any]) -> MetricSet:
    """Read a metric set of versions 1 and 2, which have no columns."""
    fields["values"] = _values_of(fields["values"])
    fields["labeled"] = tuple(LabeledValues(each["labels"], _values_of(each["values"])) for each in fields["labeled"])
    return MetricSet(**fields)


def _values_of(record: dict[str, Any]) -> dict[str, Number]:
    """Values by metric name; metrics that are not in this catalogue version are left out."""
    values: dict[str, Number] = {**record["other_ints"], **record["other_floats"]}
    for metrics, numbers in (("int_metrics", "ints"), ("float_metrics", "floats")):
        for number, value in zip(record[metrics], record[numbers], strict=True):
            known = BY_NUMBER.get(number)
            if known is not None:
                values[known.name] = value
    return values
