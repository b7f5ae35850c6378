"""Filters of a sink and the labels that become tags, checked with queries of InfluxDB."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

import pytest

from replay.groups import reached
from runtime.kafka import KafkaSettings
from runtime.topic_reader import TopicReader
from tests.integration.pipeline import Start
from tests.integration.recordings import Recorder, batches_of, recorded
from tests.waiting import wait_until
from tools.chaos.contents import Database
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from writer.__main__ import build

END_S = 1_767_225_600  # at this time the simulated cluster has pods of every kind
LABEL_FLAGS = (
    "--label-separator=;",
    "--store-label=tier,application=app",
    "--ignore-label=pod-template-hash,track,accelerator",
)
FILTERS = {
    "everything": "",
    "metrics": "&metrics=cpu/*,memory/usage&exclude_metrics=cpu/*_rate",
    "types": "&types=pod,node&exclude_types=node",
    "namespaces": "&namespaces=shop,kube-*&exclude_namespaces=kube-*",
    "labels": "&labels=tier=*&exclude_labels=app=queue",
    "tags": "&exclude_tags=labels,tier",
}


@dataclass(frozen=True)
class Written:
    """A database that a writer has written to."""

    database: Database

    def values(self, tag: str) -> set[str]:
        found = self.database.query(f'SHOW TAG VALUES WITH KEY = "{tag}"')
        return {value for series in found for _, value in series["values"]}

    @property
    def tags(self) -> set[str]:
        return {name for series in self.database.query("SHOW TAG KEYS") for [name] in series["values"]}

    @property
    def metrics(self) -> set[str]:
        return {name for series in self.database.query("SHOW MEASUREMENTS") for [name] in series["values"]}

    @property
    def applications(self) -> set[str]:
        """Applications that have points of their pods."""
        return {name.split("-")[0] for name in self.values("pod_name")}


@pytest.fixture
def written(
    kafka: Kafka, influxdb: InfluxDB, influx_database: str, topic_suffix: str, service: Start
) -> Iterator[dict[str, Written]]:
    """Databases by filter, written by one writer from three windows of two nodes."""
    prefix = f"filters{topic_suffix}-"
    windows = recorded(3, nodes=2, pods=6, end_s=END_S)
    databases = {name: Database(influxdb, f"{influx_database}_{name}") for name in (*FILTERS, "expected")}
    databases["expected"].write(batches_of(windows))
    sinks = [
        f"influxdb:{influxdb.url}?db={databases[name].name}&user={influxdb.user}&pw={influxdb.password}{options}"
        for name, options in FILTERS.items()
    ]
    Recorder(kafka.bootstrap, keep_for_ever=True, prefix=prefix).send(chain.from_iterable(windows))
    flags = (f"--kafka-brokers={kafka.bootstrap}", f"--topic-prefix={prefix}")
    service("processor", *flags, *LABEL_FLAGS)
    service("writer", *flags, *(f"--sink={sink}" for sink in sinks))
    points = databases["expected"].points()
    wait_until(lambda: databases["everything"].points() == points, "all points in the database without a filter")
    for sink in build(tuple(sinks)):
        wait_until_committed(kafka, f"{prefix}derived-metrics", f"{prefix}heapster-writer-{sink.name}")
    yield {name: Written(databases[name]) for name in FILTERS}
    for database in databases.values():
        database.query(f'DROP DATABASE "{database.name}"')


def wait_until_committed(kafka: Kafka, topic: str, group: str) -> None:
    with TopicReader(KafkaSettings(kafka.bootstrap), "test", group=group) as reader:
        ends = {partition: end for partition, (_, end) in reader.bounds(topic).items() if end}
        wait_until(lambda: reached(reader.committed(topic), ends), f"{group} has committed all records")


def test_influxdb_has_the_points_that_the_filters_accept_with_the_configured_labels(
    written: dict[str, Written],
) -> None:
    everything = written["everything"]
    assert everything.values("type") == {"cluster", "ns", "node", "pod", "pod_container", "sys_container"}
    assert everything.values("namespace_name") == {"batch", "kube-system", "ml", "shop", "staging"}
    assert everything.applications == {"cart", "importer", "kube", "node", "queue", "report", "storefront", "trainer"}
    assert everything.tags > {"labels", "tier", "application", "nodename"}
    assert everything.values("tier") == {"backend", "control-plane", "web"}
    assert everything.values("application") == {"cart", "importer", "queue", "storefront", "trainer"}
    assert everything.values("labels") > {"app:cart;tier:backend", "app:storefront;tier:web", "k8s-app:kube-proxy"}
    assert not any("pod-template-hash" in labels for labels in everything.values("labels"))

    rates = {name for name in everything.metrics if name.startswith("cpu/") and name.endswith("_rate")}
    assert rates
    cpu_metrics = {name for name in everything.metrics if name.startswith("cpu/")}
    assert written["metrics"].metrics == cpu_metrics - rates | {"memory/usage"}
    assert written["metrics"].values("type") == everything.values("type")

    assert written["types"].values("type") == {"pod"}
    assert written["types"].applications == everything.applications

    assert written["namespaces"].values("namespace_name") == {"shop"}
    assert written["namespaces"].applications == {"cart", "queue", "storefront"}
    assert written["namespaces"].values("type") == everything.values("type"), "nodes and the cluster have no namespace"

    assert written["labels"].applications == {"cart", "node", "storefront"}
    assert written["labels"].values("type") == everything.values("type") - {"node"}, "no node has the label tier"
    assert written["labels"].values("namespace_name") == everything.values("namespace_name"), (
        "namespace sums are not filtered by label"
    )

    assert written["tags"].tags == everything.tags - {"labels", "tier"}
    assert written["tags"].metrics == everything.metrics
