"""The tables of own metrics in docs/own-metrics.md: `python -m tests.own_metrics` writes their rows from the code."""

import re
from importlib import import_module
from pathlib import Path
from typing import Final

from prometheus_client.metrics import MetricWrapperBase

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "own-metrics.md"
SERVICES: Final = ("scraper", "processor", "writer", "replay", "api")
_SUFFIXES: Final = {"counter": "_total", "gauge": "", "histogram": "", "summary": ""}


def rows(service: str) -> dict[str, str]:
    """The table row of each metric of a service, by the metric's name."""
    found = {}
    for metric in vars(import_module(f"{service}.telemetry")).values():
        if isinstance(metric, MetricWrapperBase):
            (family,) = metric.describe()
            labels = ", ".join(f"`{label}`" for label in metric._labelnames)
            name = f"{family.name}{_SUFFIXES[family.type]}"
            found[name] = f"| `{name}` | {family.type} | {labels} | {family.documentation} |"
    return dict(sorted(found.items()))


if __name__ == "__main__":
    by_name = {name: row for service in SERVICES for name, row in rows(service).items()}
    row = re.compile(r"^\| `((?:heapster|http)_\w+)` \|.*$", re.MULTILINE)
    DOCUMENT.write_text(row.sub(lambda found: by_name[found[1]], DOCUMENT.read_text()))
