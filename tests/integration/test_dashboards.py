"""Every question of the dashboards, asked of a real InfluxDB that the pipeline has written to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from deploy.grafana.dashboards import FOLDER
from deploy.grafana.influxql import CLUSTER, NODE, SCHEMAS, Schema, mean, total
from schemas.metric_batch import MetricBatch
from simulator.cluster import ClusterSize
from simulator.server import SimulatedCluster
from tests.integration.pipeline import Start
from tests.integration.recordings import RESOLUTION_S, batches_of, recorded
from tests.waiting import wait_until
from tools.chaos.contents import Database
from tools.stack.influxdb import InfluxDB
from tools.stack.kafka import Kafka
from writer.lines.render import PointSchema, render

pytestmark = pytest.mark.integration

WINDOWS = 4
NODES = 3
PIPELINES_RESOLUTION_S = 5  # the shortest


@pytest.fixture(scope="module")
def batches() -> list[MetricBatch]:
    """So many windows of the simulated cluster, through the processor's core."""
    return batches_of(recorded(WINDOWS, nodes=NODES))


@pytest.fixture
def written(influxdb: InfluxDB, influx_database: str, batches: list[MetricBatch], schema: Schema) -> Database:
    database = Database(influxdb, influx_database)
    for cluster in ("default", "other"):  # whose nodes have the same names
        layout = PointSchema(with_fields=schema.with_fields, cluster_name=cluster)
        database.write_lines(line for batch in batches for line in render(batch, layout).lines)
    return database


def filled(query: str, values: Mapping[str, str]) -> str:
    """As Grafana does it, the longest names first."""
    for name in sorted(values, key=len, reverse=True):
        query = query.replace(f"${name}", values[name])
    return query


def times(batches: Sequence[MetricBatch], interval_s: int) -> dict[str, str]:
    ends = [batch.window_end_ns for batch in batches]
    return {"timeFilter": f"time >= {min(ends)}ns AND time <= {max(ends)}ns", "__interval": f"{interval_s}s"}


def choices(database: Database, variables: Sequence[Any]) -> Iterator[dict[str, str]]:
    """Every choice of the variables that have no All; each is offered what its own query finds."""
    chosen: list[dict[str, str]] = [{}]
    for variable in variables:
        chosen = [
            before | {variable["name"]: value}
            for before in chosen
            for value in offered(database, filled(variable["query"], before), variable)
        ]
    return iter(chosen)


def offered(database: Database, query: str, variable: Any) -> list[str]:
    found = [value for series in database.query(query) for _, value in series["values"]]
    assert found, query
    return [variable["allValue"]] if variable["includeAll"] else found


def has_data(database: Database, query: str) -> bool:
    rows = (row for series in database.query(query) for row in series["values"])
    return any(value is not None for _, value in rows)


@pytest.fixture
def pipelines(
    kafka: Kafka, influxdb: InfluxDB, influx_database: str, topic_suffix: str, service: Start
) -> Mapping[str, Database]:
    """By schema what scraper, processor and writer have made of a simulated cluster, as in the demo."""
    databases = {schema.name: Database(influxdb, f"{influx_database}_{schema.name}") for schema in SCHEMAS}
    whose = (f"--kafka-brokers={kafka.bootstrap}", f"--topic-prefix={topic_suffix.strip('-')}-")
    sinks = (
        f"--sink=influxdb:{influxdb.url}?db={databases[schema.name].name}&user={influxdb.user}&pw={influxdb.password}"
        f"&withfields={str(schema.with_fields).lower()}"
        for schema in SCHEMAS
    )
    with SimulatedCluster.generated(ClusterSize(nodes=NODES, pods_per_node=10)) as simulated:
        source = f"--source=kubernetes:{simulated.api_url}?inClusterConfig=false&nodeStatusPort=true"
        service("processor", *whose)
        service("writer", *whose, *sinks)
        service("scraper", *whose, source, f"--metric-resolution={PIPELINES_RESOLUTION_S}s")
        for schema in SCHEMAS:
            asked = mean("cpu/usage_rate", CLUSTER, "").query(schema)
            wait_until(lambda asked=asked, written=databases[schema.name]: windows(written, asked) >= WINDOWS, asked)
    return databases


RECENTLY = {"timeFilter": "time > now() - 10m", "__interval": f"{PIPELINES_RESOLUTION_S}s"}


def windows(database: Database, query: str) -> int:
    """Of how many there is a value."""
    found = database.query(filled(query, {"cluster": "default"} | RECENTLY))
    return len({time for series in found for time, value in series["values"] if value is not None})


def test_every_panel_has_data(pipelines: Mapping[str, Database]) -> None:
    asked = 0
    for schema in SCHEMAS:
        for path in sorted((FOLDER / schema.name).glob("*.json")):
            board = json.loads(path.read_text())
            variables = [each for each in board["templating"]["list"] if each["type"] == "query"]
            may_be = list(choices(pipelines[schema.name], variables))
            for target in (target for panel in board["panels"] for target in panel["targets"]):
                queries = (filled(target["query"], chosen | RECENTLY) for chosen in may_be)
                assert any(has_data(pipelines[schema.name], query) for query in queries), f"{path}: {target['query']}"
                asked += 1
    assert asked > 80


@pytest.mark.parametrize("interval_s", [RESOLUTION_S, WINDOWS * RESOLUTION_S])
@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_a_total_is_the_same_however_many_windows_an_interval_holds(
    written: Database, batches: list[MetricBatch], schema: Schema, interval_s: int
) -> None:
    asked = total("cpu/node_capacity", NODE, "", "nodename").query(schema)
    (series,) = written.query(filled(asked, {"cluster": "default"} | times(batches, interval_s)))
    capacities = [metric_set.values.get("cpu/node_capacity", 0) for batch in batches for metric_set in batch.sets]
    totals = {value for _, value in series["values"] if value is not None}
    assert totals == {sum(capacities) / WINDOWS}
