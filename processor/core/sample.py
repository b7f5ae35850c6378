"""Samples: what the next scrapes need to know of an entity, so that its counters have rates."""

from typing import Final

from processor.core.entity import Entity
from schemas.catalogue import RATED_COUNTERS
from schemas.node_sample import EntitySample

_RATED: Final = frozenset(RATED_COUNTERS)


def sample(entity: Entity) -> EntitySample | None:
    """The entity's counters at its scrape time.

    None if it has no scrape time, or no counters: no rate can begin or end there.
    """
    if entity.scrape_ns is None:
        return None
    counters = {name: value for name, value in entity.values.items() if name in _RATED and isinstance(value, int)}
    return EntitySample(entity.key, entity.scrape_ns, entity.collection_start_ns, counters) if counters else None
