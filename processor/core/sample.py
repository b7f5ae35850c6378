"""Samples: the counters of an entity that are kept to compute rates when later scrapes arrive."""

from typing import Final

from processor.core.entity import Entity
from schemas.catalogue import RATED_COUNTERS
from schemas.node_sample import EntitySample

_RATED: Final = frozenset(RATED_COUNTERS)


def sample(entity: Entity) -> EntitySample | None:
    """The entity's counters at its scrape time; None without a scrape time or counters: no rate can be computed."""
    if entity.scrape_ns is None:
        return None
    counters = {name: value for name, value in entity.values.items() if name in _RATED and isinstance(value, int)}
    return EntitySample(entity.key, entity.scrape_ns, entity.collection_start_ns, counters) if counters else None
