"""Recordings of `kubelet-stats`, what must come of them, and what is in InfluxDB."""

import json
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import requests
from confluent_kafka import Producer

from runtime.kafka import ensure_topics, producer_settings
from schemas.metric_batch import MetricBatch
from schemas.node_scrape import NodeScrape, encode_scrape
from schemas.topics import Topics, topics
from scraper.leases import partition_of
from simulator.cluster import Cluster, Shape
from simulator.objects import Endpoint
from stack.influxdb import InfluxDB
from tests.scrapes import processed, scrape_of
from writer.points import Schema, render

RESOLUTION_S = 10
NS_PER_S = 1_000_000_000
SCHEMA = Schema()


def recorded(windows: int, *, nodes: int = 6, pods: int = 3, end_s: int | None = None) -> list[list[NodeScrape]]:
    """So many windows of a simulated cluster, the last one ending at `end_s` (a few windows ago if not given)."""
    last = (end_s or int(time.time())) // RESOLUTION_S - (0 if end_s else 3)
    cluster = Cluster(
        Shape(nodes=nodes, pods_per_node=pods), [Endpoint(f"127.0.1.{number + 1}", 10255) for number in range(nodes)]
    )
    return [_window(cluster, (last - windows + 1 + number) * RESOLUTION_S) for number in range(windows)]


def _window(cluster: Cluster, end_s: int) -> list[NodeScrape]:
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
            resolution_ns=RESOLUTION_S * NS_PER_S,
            cluster_nodes=len(served["nodes"]),
        )
        for node in served["nodes"]
    ]


class Recorder:
    """Sends scrapes as scrapers do."""

    def __init__(self, brokers: str, *, keep_for_ever: bool = False) -> None:
        live = topics()
        if keep_for_ever:
            live = replace(live, kubelet_stats=replace(live.kubelet_stats, retention_ms=-1))
        self.topics: Topics = live
        self._partitions = ensure_topics(brokers, live.all)[live.kubelet_stats.name]
        self._producer = Producer(producer_settings(brokers, "test"))

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
    """What the core makes of them, undisturbed."""
    return [batch for window in processed(windows) for batch in window]


def write_expected(influxdb: InfluxDB, database: str, batches: Iterable[MetricBatch]) -> None:
    """The points of those batches into a database of their own, past the pipeline."""
    query(influxdb, database, f'CREATE DATABASE "{database}" WITH NAME "default"')
    for batch in batches:
        answer = requests.post(
            f"{influxdb.url}/write",
            params={"db": database},
            data="\n".join(render(batch, SCHEMA).lines).encode(),
            auth=(influxdb.user, influxdb.password),
            timeout=30,
        )
        assert answer.status_code == 204, answer.text


def content(influxdb: InfluxDB, database: str) -> dict[str, list[Any]]:
    """Every point of a database: by measurement, in a fixed order."""
    found: dict[str, list[Any]] = {}
    for series in query(influxdb, database, "SELECT * FROM /.*/"):
        columns = series["columns"]
        rows = [
            {name: value for name, value in zip(columns, row, strict=True) if value is not None}
            for row in series["values"]
        ]
        found[series["name"]] = sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))
    return found


def differences(found: Mapping[str, list[Any]], expected: Mapping[str, list[Any]]) -> list[str]:
    """What is missing, too much or different, the first few."""
    told: list[str] = []
    for name in sorted(found.keys() | expected.keys()):
        ours = {json.dumps(row, sort_keys=True) for row in found.get(name, [])}
        theirs = {json.dumps(row, sort_keys=True) for row in expected.get(name, [])}
        told += [f"missing {name} {row}" for row in sorted(theirs - ours)]
        told += [f"too much {name} {row}" for row in sorted(ours - theirs)]
    return told[:20]


def points(influxdb: InfluxDB, database: str) -> int:
    """How many points there are."""
    return sum(
        row[1] for series in query(influxdb, database, 'SELECT count("value") FROM /.*/') for row in series["values"]
    )


def query(influxdb: InfluxDB, database: str, text: str) -> list[dict[str, Any]]:
    answer = requests.post(
        f"{influxdb.url}/query",
        params={"db": database, "q": text, "epoch": "ns"},
        auth=(influxdb.user, influxdb.password),
        timeout=60,
    ).json()
    return [series for result in answer.get("results", []) for series in result.get("series", [])]
