"""Entities: the nodes, pods and containers of one scrape while their metric sets are being computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from schemas.catalogue import EntityType, Number
from schemas.metric_batch import LabeledValues, MetricSet


@dataclass(slots=True, kw_only=True)
class Entity:
    """One entity; every processing step adds to it. Times are nanoseconds since the epoch, None if unknown.

    Namespace, pod and container are kept apart from the labels, because a stored label may overwrite those labels.
    """

    key: str
    type: EntityType
    labels: dict[str, str]
    namespace: str = ""
    pod: str = ""
    container: str = ""
    values: dict[str, Number] = field(default_factory=dict)  # by metric name
    labeled: list[LabeledValues] = field(default_factory=list)
    collection_start_ns: int | None = None  # the kubelet's startTime
    entity_create_ns: int | None = None  # the pod's startTime in the API: container restarts do not change it
    scrape_ns: int | None = None  # the kubelet's sample time

    def metric_set(self) -> MetricSet:
        """The finished metric set."""
        return MetricSet(
            key=self.key,
            type=self.type,
            labels=self.labels,
            values=self.values,
            labeled=tuple(self.labeled),
            collection_start_ns=self.collection_start_ns,
            entity_create_ns=self.entity_create_ns,
            scrape_ns=self.scrape_ns,
        )


Entities: TypeAlias = dict[str, Entity]
"""The entities of one scrape, by key."""


def of_type(entities: Mapping[str, Entity], wanted: EntityType) -> list[Entity]:
    """The entities of one type, in order; a new list, so that `entities` may grow during the iteration."""
    return [entity for entity in entities.values() if entity.type == wanted]
