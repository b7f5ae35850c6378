"""Panels, variables and dashboards, and their rendering as Grafana's JSON."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias

from deploy.grafana.influxql import Schema, Series

Json: TypeAlias = Mapping[str, object]

MILLICORES: Final = "suffix:m"
BYTES: Final = "bytes"
BYTES_PER_S: Final = "Bps"
RATIO: Final = "percentunit"
COUNT: Final = "short"
SECONDS: Final = "s"
PER_S: Final = "ops"

_SCHEMA_VERSION: Final = 39  # of Grafana 11
_COLUMNS: Final = 24
_HEIGHT: Final = 8
_GAP_MS: Final = 180_000  # a line connects over up to two missing windows of a minute


class Panel(NamedTuple):
    """A chart; `queries` are InfluxQL series, or PromQL expressions by legend."""

    title: str
    unit: str
    queries: Sequence[Series] | Mapping[str, str]
    description: str = ""
    width: int = 12


class Variable(NamedTuple):
    """A drop-down list at the top of a dashboard."""

    name: str
    query: str
    multiple: bool = True


class Dashboard(NamedTuple):
    """One page of panels."""

    name: str
    title: str
    panels: Sequence[Panel]
    variables: Sequence[Variable] = ()


def rendered(dashboard: Dashboard, schema: Schema | None) -> Json:
    """Render a dashboard as Grafana's JSON. Without a schema its panels query Prometheus."""
    kind = "influxdb" if schema else "prometheus"
    return {
        "uid": f"heapster-{dashboard.name}" + ("-fields" if schema and schema.with_fields else ""),
        "title": dashboard.title + (schema.title if schema else ""),
        "tags": ["heapster-stream"],
        "schemaVersion": _SCHEMA_VERSION,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-1h", "to": "now"},
        "links": [_LINKS],
        "templating": {"list": [_datasource(kind), *(_variable(each) for each in dashboard.variables)]},
        "panels": [
            _panel(number, panel, position, schema)
            for number, (panel, position) in enumerate(
                zip(dashboard.panels, _grid_positions(dashboard.panels), strict=True), 1
            )
        ],
    }


_LINKS: Final = {
    "type": "dashboards",
    "title": "heapster-stream",
    "tags": ["heapster-stream"],
    "asDropdown": True,
    "includeVars": True,
    "keepTime": True,
}


def _datasource(kind: str) -> Json:
    return {"name": "datasource", "label": "data source", "type": "datasource", "query": kind}


def _variable(variable: Variable) -> Json:
    return {
        "name": variable.name,
        "type": "query",
        "datasource": {"type": "influxdb", "uid": "${datasource}"},
        "query": variable.query,
        "refresh": 2,  # refresh when the time range changes: pods come and go
        "sort": 1,
        "multi": variable.multiple,
        "includeAll": variable.multiple,
        **({"allValue": ".*", "current": {"text": "All", "value": "$__all"}} if variable.multiple else {}),
    }


def _grid_positions(panels: Sequence[Panel]) -> list[Json]:
    """Place panels from left to right, row by row."""
    positions: list[Json] = []
    x = y = 0
    for panel in panels:
        if x + panel.width > _COLUMNS:
            x, y = 0, y + _HEIGHT
        positions.append({"x": x, "y": y, "w": panel.width, "h": _HEIGHT})
        x += panel.width
    return positions


def _panel(number: int, panel: Panel, position: Json, schema: Schema | None) -> Json:
    datasource = {"type": "influxdb" if schema else "prometheus", "uid": "${datasource}"}
    return {
        "id": number,
        "type": "timeseries",
        "title": panel.title,
        "description": panel.description,
        "gridPos": position,
        "datasource": datasource,
        "fieldConfig": {
            "defaults": {"unit": panel.unit, "min": 0, "custom": {"spanNulls": _GAP_MS, "fillOpacity": 8}},
            "overrides": [],
        },
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": datasource, **target}
            for at, target in enumerate(_targets(panel, schema))
        ],
    }


def _targets(panel: Panel, schema: Schema | None) -> list[Json]:
    if isinstance(panel.queries, Mapping):
        return [{"expr": expression, "legendFormat": legend} for legend, expression in panel.queries.items()]
    assert schema is not None  # noqa: S101 - who asks InfluxDB has a schema
    return [
        {"query": each.query(schema), "rawQuery": True, "resultFormat": "time_series", "alias": each.legend}
        for each in panel.queries
    ]
