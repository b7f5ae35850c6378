"""MetricBatch: all metric sets of one node, or of one group, in one window; the record of `derived-metrics`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, cast

from schemas.catalogue import BY_NAME, BY_NUMBER, EntityType, Number
from schemas.codec import Codec
from schemas.workload import Workload

CODEC: Final = Codec("metric_batch")
_NAMESPACE_PREFIX: Final = "namespace:"
_WORKLOAD_PREFIX: Final = "workload:"


class LabeledValues(NamedTuple):
    """Values that carry labels of their own, as `resource_id`, beside those of their entity."""

    labels: Mapping[str, str]
    values: Mapping[str, Number]  # by metric name


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSet:
    """One entity in one scrape. The Python type of a value is its type in InfluxDB.

    Times are nanoseconds since the epoch, None where the entity has none.
    """

    key: str
    type: EntityType
    labels: Mapping[str, str]
    values: Mapping[str, Number] = field(default_factory=dict)  # by metric name
    labeled: tuple[LabeledValues, ...] = ()
    collection_start_ns: int | None = None
    entity_create_ns: int | None = None
    scrape_ns: int | None = None


class Version(NamedTuple):
    """Which of two batches of one entity and window knows more: the greater one."""

    nodes: int
    offsets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricBatch:
    """All metric sets of one node, or of one group, in one window."""

    cluster: str
    entity: str  # the node's name, or a group's key
    window_end_ns: int  # timestamp of every point
    resolution_ns: int
    sets: tuple[MetricSet, ...]
    version: Version
    nodes_counted: int = 1
    nodes_expected: int = 1

    @property
    def key(self) -> str:
        """Key of the record in `derived-metrics`."""
        return f"{self.cluster}/{self.entity}"


def namespace_group(namespace: str) -> str:
    """The group of one namespace's pods; also the key of its metric set."""
    return _NAMESPACE_PREFIX + namespace


def namespace_of_group(group: str) -> str | None:
    """The namespace that a group sums up, None for another group."""
    return group.removeprefix(_NAMESPACE_PREFIX) if group.startswith(_NAMESPACE_PREFIX) else None


def workload_group(workload: Workload) -> str:
    """The group of one workload's pods; also the key of its metric set."""
    return _WORKLOAD_PREFIX + "/".join(workload)


def workload_of_group(group: str) -> Workload | None:
    """The workload that a group sums up, None for another group."""
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
            "sets": [_set_record(metric_set) for metric_set in batch.sets],
        }
    )


def decode_batch(data: bytes | None) -> MetricBatch:
    """The batch in `data`. Raises UndecodableError: no published version reads it."""
    record = cast("dict[str, Any]", CODEC.decode(data))
    version = Version(record.pop("version_nodes"), record.pop("version_offsets"))
    record["sets"] = tuple(_set_of(fields) for fields in record["sets"])
    return MetricBatch(version=version, **record)


def _set_record(metric_set: MetricSet) -> dict[str, object]:
    return {
        "key": metric_set.key,
        "type": metric_set.type,
        "labels": metric_set.labels,
        "collection_start_ns": metric_set.collection_start_ns,
        "entity_create_ns": metric_set.entity_create_ns,
        "scrape_ns": metric_set.scrape_ns,
        "values": _values_record(metric_set.values),
        "labeled": [{"labels": each.labels, "values": _values_record(each.values)} for each in metric_set.labeled],
    }


def _set_of(fields: dict[str, Any]) -> MetricSet:
    fields["values"] = _values_of(fields["values"])
    fields["labeled"] = tuple(LabeledValues(each["labels"], _values_of(each["values"])) for each in fields["labeled"])
    return MetricSet(**fields)


def _values_record(values: Mapping[str, Number]) -> dict[str, object]:
    """By type, and by number where the catalogue has one: small, and cheap to read."""
    int_metrics: list[int] = []
    ints: list[int] = []
    float_metrics: list[int] = []
    floats: list[float] = []
    other_ints: dict[str, int] = {}
    other_floats: dict[str, float] = {}
    for name, value in values.items():
        known = BY_NAME.get(name)
        if isinstance(value, float):
            if known is None:
                other_floats[name] = value
            else:
                float_metrics.append(known.number)
                floats.append(value)
        elif known is None:
            other_ints[name] = value
        else:
            int_metrics.append(known.number)
            ints.append(value)
    return {
        "int_metrics": int_metrics,
        "ints": ints,
        "float_metrics": float_metrics,
        "floats": floats,
        "other_ints": other_ints,
        "other_floats": other_floats,
    }


def _values_of(record: dict[str, Any]) -> dict[str, Number]:
    """Numbers a newer catalogue has given are left out: this reader has no name for them."""
    values: dict[str, Number] = {**record["other_ints"], **record["other_floats"]}
    for metrics, numbers in (("int_metrics", "ints"), ("float_metrics", "floats")):
        for number, value in zip(record[metrics], record[numbers], strict=True):
            known = BY_NUMBER.get(number)
            if known is not None:
                values[known.name] = value
    return values
