"""The Grafana dashboards: their files match the description and query existing metrics."""

import json
import re
from importlib import import_module
from pathlib import Path

from prometheus_client import ProcessCollector
from prometheus_client.metrics import MetricWrapperBase

from deploy.grafana.dashboards import CLUSTER, FOLDER, PIPELINE, files
from deploy.grafana.influxql import NODE, SCHEMAS, WITH_FIELDS, Series, total
from schemas.catalogue import METRICS

SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_count", "_sum")}
TELEMETRY = ("scraper.telemetry", "processor.telemetry", "writer.telemetry", "api.telemetry")


def own_metrics() -> dict[str, set[str]]:
    """Metrics of the services about themselves: Prometheus names and their labels."""
    found: dict[str, set[str]] = {}
    for module in TELEMETRY:
        for figure in vars(import_module(module)).values():
            if isinstance(figure, MetricWrapperBase):
                (family,) = figure.describe()
                names = (f"{family.name}{suffix}" for suffix in SUFFIXES.get(family.type, ("_count", "_sum")))
                found |= {name: set(figure._labelnames) for name in names}
    for family in ProcessCollector(registry=None).collect():
        found[f"{family.name}{SUFFIXES[family.type][0]}"] = set()
    return found


def test_the_files_match_their_description() -> None:
    described = dict(files())
    assert set(FOLDER.rglob("*.json")) == set(described)
    old = [path for path, text in described.items() if path.read_text() != text]
    assert old == [], "run python -m deploy.grafana.dashboards"


def test_the_pipeline_dashboard_queries_existing_metrics() -> None:
    known = own_metrics()
    for panel in PIPELINE.panels:
        for legend, expression in dict(panel.queries).items():
            asked = re.findall(r"\b(?:heapster|http|process)_\w+", expression)
            assert asked
            assert [name for name in asked if name not in known] == []
            labels = set(re.findall(r"\{\{(\w+)\}\}", legend)) - {"job", "instance"}
            assert all(labels <= known[name] for name in asked)


def test_every_queried_metric_is_in_the_catalogue() -> None:
    asked = {
        each.metric for board in CLUSTER for panel in board.panels for each in panel.queries if isinstance(each, Series)
    }
    assert len(asked) > 15
    assert asked <= {metric.name for metric in METRICS}


def test_ids_and_titles_of_dashboards_are_unique() -> None:
    boards = [json.loads(text) for _, text in files()]
    for name in ("uid", "title"):
        assert len({board[name] for board in boards}) == len(boards) == 1 + len(CLUSTER) * len(SCHEMAS)


def test_a_total_sums_the_means_of_entities() -> None:
    asked = total("network/rx_rate", NODE, "received", "nodename").query(WITH_FIELDS)
    assert asked == (
        'SELECT sum("mean") FROM (SELECT mean("rx_rate") FROM "network" WHERE "cluster_name" = \'$cluster\''
        ' AND "type" = \'node\' AND $timeFilter GROUP BY time($__interval), "nodename" fill(null))'
        " WHERE $timeFilter GROUP BY time($__interval) fill(null)"
    )


def test_compose_mounts_the_dashboards_into_grafana() -> None:
    root = Path(__file__).parents[2]
    compose = (root / "docker-compose.yml").read_text()
    for mounted in ("deploy/grafana/provisioning", "deploy/grafana/dashboards", "deploy/prometheus/prometheus.yml"):
        assert f"./{mounted}:" in compose
        assert (root / mounted).exists()
    providers = (root / "deploy/grafana/provisioning/dashboards/heapster-stream.yml").read_text()
    assert {path.parent.name for path, _ in files()} == set(re.findall(r"path: /dashboards/(\w+)", providers))
