"""A recorded node through the whole pipeline, with HTTP, Kafka and InfluxDB: the points are those Heapster wrote."""

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.waiting import wait_until
from tools.chaos.contents import Content, Database, differences
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from tools.stack.process import Process

NR131 = Path(__file__).parents[1] / "fixtures" / "golden" / "nr131"
NODE = "datagen-1-31"
WINDOWS = 3


def items(name: str) -> list[Any]:
    found: list[Any] = json.loads((NR131 / name).read_text())["items"]
    return found


def show_window(world: FixedWorld, window: int) -> None:
    """Serve the API's and the kubelet's answers of one window of the recording."""
    world.show(
        nodes=items("nodes.json"),
        pods=items("pods.json"),
        namespaces=items("namespaces.json"),
        summaries={NODE: (NR131 / f"summary_datagen-1-31_t{window}.json").read_bytes()},
    )


def window_ends(database: Database) -> list[int]:
    """The ends of the windows whose groups have been written, in order."""
    of_cluster = database.query('SELECT "value" FROM "memory/usage" WHERE "type" = \'cluster\'')
    return sorted(row[0] for series in of_cluster for row in series["values"])


def test_influxdb_has_the_points_that_heapster_wrote_for_a_recorded_node(
    own_kafka: Callable[[], Kafka], influxdb: InfluxDB, influx_database: str, service: Callable[..., Process]
) -> None:
    kafka, world = own_kafka(), FixedWorld()
    show_window(world, 0)
    with SimulatedCluster.fixed(world, kubelet_port=0, api_port=0) as cluster:
        source = f"kubernetes:{cluster.api_url}?inClusterConfig=false&kubeletPort={cluster.kubelet_port}"
        brokers = f"--kafka-brokers={kafka.bootstrap}"
        sink = f"influxdb:{influxdb.url}?db={influx_database}&user={influxdb.user}&pw={influxdb.password}"
        service("processor", brokers)
        service("writer", brokers, f"--sink={sink}&cluster_name=oracle")
        service("scraper", brokers, f"--source={source}", "--metric-resolution=10s")
        kubelet = cluster.kubelets[NODE]
        for window in range(1, WINDOWS):
            wait_until(lambda window=window: kubelet.requests >= window, f"request {window} to the kubelet")
            show_window(world, window)
        found = Database(influxdb, influx_database)
        wait_until(lambda: len(window_ends(found)) >= WINDOWS, "three windows in InfluxDB")
        ends = window_ends(found)[:WINDOWS]
        expected = Database(influxdb, f"{influx_database}_expected")
        for window, end_ns in enumerate(ends):
            lines = (NR131 / f"expected_t{window}.lp").read_text().splitlines()
            expected.write_lines(f"{line} {end_ns}" for line in lines if line)

        def differ() -> list[str]:
            return differences(of_windows(found, ends), expected.content())

        with suppress(pytest.fail.Exception):  # the differences are the better message
            wait_until(lambda: not differ(), "the expected points")
    assert differ() == []


def of_windows(database: Database, ends: list[int]) -> Content:
    """The points of these windows without uptime, which depends on the clock and is not in the recording."""
    return {
        name: frozenset(row for row in rows if json.loads(row)["time"] in ends)
        for name, rows in database.content().items()
        if name != "uptime"
    }
