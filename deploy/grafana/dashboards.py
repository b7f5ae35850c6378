"""Write the dashboards as JSON files for Grafana: `python -m deploy.grafana.dashboards`."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.grafana.cluster import NODES, OVERVIEW
from deploy.grafana.influxql import SCHEMAS
from deploy.grafana.panels import Json, rendered
from deploy.grafana.pipeline import PIPELINE
from deploy.grafana.workloads import NAMESPACES, PODS

CLUSTER: Final = (OVERVIEW, NODES, NAMESPACES, PODS)
FOLDER: Final = Path(__file__).parent / "dashboards"


def files() -> Iterator[tuple[Path, str]]:
    """Yield the path and the text of each dashboard file."""
    for schema in SCHEMAS:
        for dashboard in CLUSTER:
            yield FOLDER / schema.name / f"{dashboard.name}.json", _text(rendered(dashboard, schema))
    yield FOLDER / "pipeline" / f"{PIPELINE.name}.json", _text(rendered(PIPELINE, None))


def _text(dashboard: Json) -> str:
    return json.dumps(dashboard, indent=2) + "\n"


if __name__ == "__main__":
    for path, text in files():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
