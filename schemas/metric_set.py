"""MetricSet: labels and values of one entity in one scrape; a batch contains many."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from schemas.catalogue import EntityType, Number


class LabeledValues(NamedTuple):
    """Values with labels of their own, such as `resource_id`, in addition to those of their entity."""

    labels: Mapping[str, str]
    values: Mapping[str, Number]  # by metric name


class MetricSet(NamedTuple):
    """Labels and values of one entity in one scrape. The Python type of a value is its type in InfluxDB.

    Times are nanoseconds since the epoch, None if the entity has none.
    """

    key: str
    type: EntityType
    labels: Mapping[str, str]
    values: Mapping[str, Number] = MappingProxyType({})  # by metric name
    labeled: tuple[LabeledValues, ...] = ()
    collection_start_ns: int | None = None
    entity_create_ns: int | None = None
    scrape_ns: int | None = None
