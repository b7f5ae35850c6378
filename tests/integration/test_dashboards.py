"""Every question of the dashboards, asked of a real InfluxDB that the writer's code has written to."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from chaos.contents import Database
from deploy.grafana.dashboards import FOLDER
from deploy.grafana.influxql import NODE, SCHEMAS, Schema, total
from schemas.metric_batch import MetricBatch
from stack.influxdb import InfluxDB
from tests.integration.recordings import RESOLUTION_S, batches_of, recorded
from writer.points import Schema as WritersSchema
from writer.points import render

pytestmark = pytest.mark.integration

WINDOWS = 4
NODES = 3


@pytest.fixture(scope="module")
def batches() -> list[MetricBatch]:
    """So many windows of the simulated cluster, through the processor's core."""
    return batches_of(recorded(WINDOWS, nodes=NODES))


@pytest.fixture
def written(influxdb: InfluxDB, influx_database: str, batches: list[MetricBatch], schema: Schema) -> Database:
    database = Database(influxdb, influx_database)
    for cluster in ("default", "other"):  # whose nodes have the same names
        layout = WritersSchema(with_fields=schema.with_fields, cluster_name=cluster)
        database.write_lines(line for batch in batches for line in render(batch, layout).lines)
    return database


def filled(query: str, values: Mapping[str, str]) -> str:
    """As Grafana does it, the longest names first."""
    for name in sorted(values, key=len, reverse=True):
        query = query.replace(f"${name}", values[name])
    return query


def times(batches: Sequence[MetricBatch], interval_s: int = RESOLUTION_S) -> dict[str, str]:
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


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.name)
def test_every_panel_has_data(written: Database, batches: list[MetricBatch], schema: Schema) -> None:
    asked = 0
    for path in sorted((FOLDER / schema.name).glob("*.json")):
        board = json.loads(path.read_text())
        variables = [each for each in board["templating"]["list"] if each["type"] == "query"]
        may_be = list(choices(written, variables))
        for target in (target for panel in board["panels"] for target in panel["targets"]):
            queries = (filled(target["query"], chosen | times(batches)) for chosen in may_be)
            assert any(has_data(written, query) for query in queries), f"{path.name}: {target['query']}"
            asked += 1
    assert asked > 40


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
