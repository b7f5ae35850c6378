"""NodeSample: what the next scrapes of a node need to know of this one; the processor's state, kept in a changelog."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, TypeAlias, cast

from schemas.catalogue import BY_NAME, BY_NUMBER
from schemas.codec import Codec
from schemas.group_sum import Sums
from schemas.node_scrape import node_key

CODEC: Final = Codec("node_sample")


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one scrape of one node adds to one group."""

    group: str  # namespace:NAME or cluster
    sums: Sums
    nodes_expected: int
    namespace_id: str = ""


class EntitySample(NamedTuple):
    """The counters of one entity, at the kubelet's own sample time."""

    key: str
    scrape_ns: int
    start_ns: int | None
    counters: Mapping[str, int]  # by metric name, those of `catalogue.RATED_COUNTERS`


DiskKey: TypeAlias = tuple[str, str]
"""An entity's key, and the `resource_id` of one of its disks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSample:
    """One counted scrape of one node."""

    cluster: str
    node: str
    window_end_ns: int
    resolution_ns: int
    offset: int  # of the scrape in its partition of kubelet-stats
    contributions: tuple[Contribution, ...]
    entities: Mapping[str, EntitySample]  # by key
    disks: Mapping[DiskKey, EntitySample] = field(default_factory=dict)  # counters that an entity has per disk
    reached_ns: int | None = None  # how far event time has come by it; None: to the window's end

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
                {name: getattr(each, name) for name in Contribution.__slots__} for each in sample.contributions
            ],
            "entities": [_entity_record(entity) for entity in sample.entities.values()],
            "disks": [
                {**_entity_record(disk), "resource_id": resource_id} for (_, resource_id), disk in sample.disks.items()
            ],
        }
    )


def decode_sample(data: bytes | None) -> NodeSample:
    """The sample in `data`. Raises UndecodableError: no published version reads it."""
    record = cast("dict[str, Any]", CODEC.decode(data))
    record["contributions"] = tuple(
        Contribution(**{**each, "sums": tuple(each["sums"])}) for each in record["contributions"]
    )
    entities = (_entity(fields) for fields in record["entities"])
    record["entities"] = {entity.key: entity for entity in entities}
    record["disks"] = {(fields["key"], fields["resource_id"]): _entity(fields) for fields in record["disks"]}
    return NodeSample(**record)


def _entity_record(entity: EntitySample) -> dict[str, object]:
    return {
        "key": entity.key,
        "scrape_ns": entity.scrape_ns,
        "start_ns": entity.start_ns,
        "metrics": [BY_NAME[name].number for name in entity.counters],
        "counters": list(entity.counters.values()),
    }


def _entity(fields: dict[str, Any]) -> EntitySample:
    counters = {
        BY_NUMBER[number].name: value
        for number, value in zip(fields["metrics"], fields["counters"], strict=True)
        if number in BY_NUMBER
    }
    return EntitySample(fields["key"], fields["scrape_ns"], fields["start_ns"], counters)
