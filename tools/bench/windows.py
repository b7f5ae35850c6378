"""Windows: what the processors make of a simulated cluster, one after the other, straight into derived-metrics."""

import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from confluent_kafka import Producer

from processor.core.derive import derive
from processor.core.labels import LabelRules
from processor.state.group_batch import group_batch
from processor.state.node_windows import PartitionState
from processor.state.transition import node_batch, node_sample
from runtime.kafka import KafkaSettings, producer_settings
from runtime.topics import ensure_topics
from schemas.group_sum import GroupSum
from schemas.metric_batch import MetricBatch, decode_batch, encode_batch
from schemas.node_sample import NodeSample
from schemas.node_scrape import NodeScrape
from schemas.topics import topics
from scraper.cluster.objects import namespace_of, node_of, pod_of
from scraper.cluster.snapshot import Snapshot
from scraper.rounds.record import Outcome, Round
from simulator.cluster import Cluster

RESOLUTION_NS: Final = 60_000_000_000
_NS_PER_S: Final = 1_000_000_000
_NS_PER_MS: Final = 1_000_000


class Windows:
    """Makes the batches of one window after another, and sends them."""

    def __init__(self, kafka: KafkaSettings, cluster: Cluster) -> None:
        """Nothing is made yet."""
        self._topic = topics().derived_metrics
        ensure_topics(kafka, [self._topic])
        self._producer = Producer(producer_settings(kafka, "bench"))
        self._cluster = cluster
        self.seen = snapshot(cluster, time.time_ns() // _NS_PER_S)
        self._samples: dict[str, NodeSample] = {}
        self._made: list[tuple[str, bytes, int]] = []

    def make(self, window_end_ns: int) -> None:
        """Every node's batch and every group's, with rates since the window before."""
        self._made.clear()
        totals: defaultdict[str, list[GroupSum]] = defaultdict(list)
        for number, scrape in enumerate(self._scrapes(window_end_ns)):
            result = derive(scrape, self._samples.get(scrape.node), LabelRules())
            sample = self._samples[scrape.node] = node_sample(scrape, result, 0)
            self._keep(node_batch(scrape, result.sets, 0))
            state = PartitionState(number)  # a partition for each node
            state.fold(sample)
            for total in state.changed_totals():
                totals[total.group].append(total)
        for group in totals.values():
            self._keep(group_batch(group))

    def again(self, window_end_ns: int) -> None:
        """The same batches once more, for another window: cheaper to make, and as large as new ones."""
        self._made = [
            (key, encode_batch(replace(decode_batch(value), window_end_ns=window_end_ns)), window_end_ns // _NS_PER_MS)
            for key, value, _ in self._made
        ]

    def send(self) -> None:
        """What has been made, as fast as it goes."""
        for key, value, time_ms in self._made:
            self._producer.produce(self._topic.name, key=key, value=value, timestamp=time_ms)
            self._producer.poll(0)
        self._producer.flush()

    def _scrapes(self, window_end_ns: int) -> Iterator[NodeScrape]:
        """As a scraper puts them together."""
        at_s = window_end_ns // _NS_PER_S + 5
        of = Round(cluster="default", resolution_ns=RESOLUTION_NS, window_end_ns=window_end_ns, snapshot=self.seen)
        for node in self.seen.nodes.values():
            outcome = Outcome(
                document=self._cluster.summary(node.name, at_s),
                pods=frozenset((pod.namespace, pod.name) for pod in self.seen.pods.of_node[node.name]),
                finished_at_ns=at_s * _NS_PER_S,
                duration_ns=5_000_000,
                clock_offset_ns=0,
            )
            yield of.record(node, outcome)

    def _keep(self, batch: MetricBatch) -> None:
        self._made.append((batch.key, encode_batch(batch), batch.window_end_ns // _NS_PER_MS))


def snapshot(cluster: Cluster, at_s: int) -> Snapshot:
    """The cluster as a scraper sees it."""
    served = cluster.objects(at_s)
    return Snapshot.of(
        [node_of(each, "") for each in served["nodes"]],
        [pod_of(each) for each in served["pods"]],
        [namespace_of(each) for each in served["namespaces"]],
    )
