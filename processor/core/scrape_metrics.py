"""Metrics about the scrape of a node itself, successful or failed (docs/metrics.md, beyond Heapster)."""

from collections.abc import Iterable
from typing import Final

from processor.core import labels
from processor.core.entity import Entity
from processor.core.labels import LabelRules
from schemas.catalogue import NODE, Number
from schemas.keys import node_key
from schemas.metric_batch import MetricSet
from schemas.node_scrape import NodeScrape

NS_PER_S: Final = 1e9


def add_scrape_metrics(node: Entity, scrape: NodeScrape, entities: Iterable[Entity]) -> None:
    """Add the scrape's metrics to its node; `scrape/sample_age` is measured with the kubelet's clock."""
    node.values.update(_values(scrape))
    newest_ns = max((entity.scrape_ns for entity in entities if entity.scrape_ns is not None), default=None)
    if newest_ns is not None:
        kubelet_now_ns = scrape.scraped_at_ns + (scrape.clock_offset_ns or 0)
        node.values["scrape/sample_age"] = (kubelet_now_ns - newest_ns) / NS_PER_S


def failed_node(scrape: NodeScrape, rules: LabelRules) -> MetricSet:
    """The metric set of a node whose scrape failed: the scrape's metrics only."""
    own_labels = {
        labels.TYPE: NODE,
        labels.NODENAME: scrape.node,
        labels.HOSTNAME: scrape.hostname or scrape.node,
        labels.HOST_ID: scrape.host_id,
        **rules.entity_labels(scrape.labels),
    }
    return MetricSet(key=node_key(scrape.node), type=NODE, labels=own_labels, values=_values(scrape))


def _values(scrape: NodeScrape) -> dict[str, Number]:
    values: dict[str, Number] = {
        "scrape/up": int(scrape.document is not None),
        "scrape/duration": scrape.duration_ns / NS_PER_S,
    }
    if scrape.clock_offset_ns is not None:
        values["scrape/clock_offset"] = scrape.clock_offset_ns / NS_PER_S
    if scrape.cadvisor is not None or scrape.cadvisor_error is not None:
        values["scrape/cadvisor_up"] = int(scrape.cadvisor is not None)
    return values
