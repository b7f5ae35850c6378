"""Recorded windows of `kubelet-stats`, and the batches expected from them."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from confluent_kafka import Producer

from runtime.kafka import KafkaSettings, producer_settings
from runtime.topics import ensure_topics
from schemas.metric_batch import MetricBatch
from schemas.node_scrape import NodeScrape, encode_scrape
from schemas.topics import DEFAULT_PARTITIONS, Topics, topics
from scraper.rounds.assignment import partition_of
from simulator.cluster import Cluster, ClusterSize
from simulator.objects import Endpoint
from tests.scrapes import processed, scrape_of
from tools.chaos.expected import expected

RESOLUTION_S = 10
NS_PER_S = 1_000_000_000
LARGEST_BYTES = 64 * 1024 * 1024


def recorded(
    windows: int, *, nodes: int = 6, pods: int = 3, end_s: int | None = None, resolution_s: int = RESOLUTION_S
) -> list[list[NodeScrape]]:
    """Windows of a simulated cluster; the last one ends at `end_s`, by default a few windows ago."""
    last = (end_s or int(time.time())) // resolution_s - (0 if end_s else 3)
    cluster = Cluster(
        ClusterSize(nodes=nodes, pods_per_node=pods),
        [Endpoint(f"127.0.1.{number + 1}", 10255) for number in range(nodes)],
    )
    ends_s = ((last - windows + 1 + number) * resolution_s for number in range(windows))
    return [_window(cluster, window_end_s, resolution_s) for window_end_s in ends_s]


def _window(cluster: Cluster, end_s: int, resolution_s: int) -> list[NodeScrape]:
    at_s = end_s + 5
    served = cluster.objects(at_s)
    return [
        replace(
            scrape_of(
                node,
                cluster.summary(node["metadata"]["name"], at_s),
                pods=served["pods"],
                namespaces=served["namespaces"],
                window_end_ns=end_s * NS_PER_S,
            ),
            resolution_ns=resolution_s * NS_PER_S,
            cluster_nodes=len(served["nodes"]),
        )
        for node in served["nodes"]
    ]


class Recorder:
    """Sends scrapes with the key, partition and timestamp that scrapers use."""

    def __init__(self, brokers: str, *, keep_for_ever: bool = False, prefix: str = "") -> None:
        live = topics(prefix)
        if keep_for_ever:
            live = replace(
                live,
                kubelet_stats=replace(live.kubelet_stats, retention_ms=-1),
                derived_metrics=replace(live.derived_metrics, retention_ms=-1),
            )
        self.topics: Topics = live
        self._partitions = ensure_topics(KafkaSettings(brokers), live.all)[live.kubelet_stats.name]
        settings = producer_settings(KafkaSettings(brokers), "test") | {"message.max.bytes": LARGEST_BYTES}
        self._producer = Producer(settings)

    def send(self, scrapes: Iterable[NodeScrape]) -> None:
        for scrape in scrapes:
            self.send_bytes(scrape.key, encode_scrape(scrape), scrape.node, scrape.window_end_ns)
        self._producer.flush(60)

    def send_bytes(self, key: str, value: bytes, node: str, window_end_ns: int) -> None:
        self._producer.produce(
            self.topics.kubelet_stats.name,
            key=key,
            value=value,
            partition=partition_of("default", node, self._partitions),
            timestamp=window_end_ns // 1_000_000,
        )
        self._producer.poll(0)

    def flush(self) -> None:
        self._producer.flush(60)


def batches_of(windows: Iterable[Sequence[NodeScrape]]) -> list[MetricBatch]:
    """The batches that processor.core computes from windows in order."""
    return [batch for window in processed(windows) for batch in window]


def batches_as_sent(scrapes: Iterable[NodeScrape]) -> Iterator[MetricBatch]:
    """The batches for scrapes that are sent in another order than their windows end."""
    by_partition: dict[int, list[bytes]] = {}
    for scrape in scrapes:
        partition = partition_of(scrape.cluster, scrape.node, DEFAULT_PARTITIONS)
        by_partition.setdefault(partition, []).append(encode_scrape(scrape))
    return expected(by_partition)
