"""MetricSet: one entity in one scrape, the unit of which batches are made."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from schemas.catalogue import EntityType, Number


class LabeledValues(NamedTuple):
    """Values that carry labels of their own, as `resource_id`, beside those of their entity."""

    labels: Mapping[str, str]
    values: Mapping[str, Number]  # by metric name


class MetricSet(NamedTuple):
    """One entity in one scrape. The Python type of a value is its type in InfluxDB.

    Times are nanoseconds since the epoch, None where the entity has none.
    """

    key: str
    type: EntityType
    labels: Mapping[str, str]
    values: Mapping[str, Number] = MappingProxyType({})  # by metric name
    labeled: tuple[LabeledValues, ...] = ()
    collection_start_ns: int | None = None
    entity_create_ns: int | None = None
    scrape_ns: int | None = None
