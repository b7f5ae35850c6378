"""NodeSample: the data of a scrape that later scrapes of the node need; the processor's state, kept in a changelog."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast

from schemas.catalogue import BY_NUMBER
from schemas.codec import Codec
from schemas.counters import DiskKey, EntitySample, counter_columns, counters_of
from schemas.group_sum import Sums
from schemas.node_scrape import node_key

__all__ = ["Contribution", "DiskKey", "EntitySample", "NodeSample", "decode_sample", "encode_sample"]

CODEC: Final = Codec("node_sample", read_as_written={1, 2, 3})


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """The values that one scrape of one node adds to one group."""

    group: str  # key of a namespace, a workload or the cluster
    sums: Sums
    nodes_expected: int
    namespace_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSample:
    """One processed scrape of one node."""

    cluster: str
    node: str
    window_end_ns: int
    resolution_ns: int
    offset: int  # of the scrape's record in its partition of kubelet-stats
    contributions: tuple[Contribution, ...]
    entities: Mapping[str, EntitySample]  # by key
    disks: Mapping[DiskKey, EntitySample] = field(default_factory=dict)  # counters per disk
    reached_ns: int | None = None  # event time after this scrape; None: the window's end

    @property
    def key(self) -> str:
        """Key of the node in every topic."""
        return node_key(self.cluster, self.node)


def encode_sample(sample: NodeSample) -> bytes:
    """The record's bytes. Raises ValueError: a field does not fit the schema."""
    return CODEC.encode(
        {
            "cluster": sample.cluster,
            "node": sample.node,
            "window_end_ns": sample.window_end_ns,
            "resolution_ns": sample.resolution_ns,
            "offset": sample.offset,
            "reached_ns": sample.reached_ns,
            "contributions": [
                {
                    "group": each.group,
                    "sums": each.sums,
                    "nodes_expected": each.nodes_expected,
                    "namespace_id": each.namespace_id,
                }
                for each in sample.contributions
            ],
            **counter_columns(sample.entities.values(), sample.disks),
        }
    )


def decode_sample(data: bytes | None) -> NodeSample:
    """Decode a sample. Raises UndecodableError: no published version reads it."""
    record = cast("dict[str, Any]", CODEC.decode(data))
    record["contributions"] = tuple(
        Contribution(**{**each, "sums": tuple(each["sums"])}) for each in record["contributions"]
    )
    if "entities" in record:
        entities, disks = _without_columns(record.pop("entities"), record.pop("disks", []))
    else:
        entities, disks = counters_of(record)
        for column in ("shapes", "rows", "texts", "numbers"):
            del record[column]
    return NodeSample(entities=entities, disks=disks, **record)


def _without_columns(
    entities: list[dict[str, Any]], disks: list[dict[str, Any]]
) -> tuple[dict[str, EntitySample], dict[DiskKey, EntitySample]]:
    """Read the counters of versions 1 to 3, which have no columns."""
    return (
        {fields["key"]: _entity(fields) for fields in entities},
        {(fields["key"], fields["resource_id"]): _entity(fields) for fields in disks},
    )


def _entity(fields: dict[str, Any]) -> EntitySample:
    counters = {
        BY_NUMBER[number].name: value
        for number, value in zip(fields["metrics"], fields["counters"], strict=True)
        if number in BY_NUMBER
    }
    return EntitySample(fields["key"], fields["scrape_ns"], fields["start_ns"], counters)
