"""docs/operating.md names every figure, as the code has it."""

from importlib import import_module
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

DOCUMENT = (Path(__file__).parents[2] / "docs" / "operating.md").read_text()
SERVICES = ("scraper", "processor", "writer", "replay", "api")
KINDS = {"counter": "_total", "gauge": "", "histogram": "", "summary": ""}


def rows(service: str) -> list[str]:
    """A row of the table for each figure of a service."""
    found = []
    for figure in vars(import_module(f"{service}.telemetry")).values():
        if isinstance(figure, MetricWrapperBase):
            (family,) = figure.describe()
            labels = ", ".join(f"`{label}`" for label in figure._labelnames)
            name = f"{family.name}{KINDS[family.type]}"
            found.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    return sorted(found)


@pytest.mark.parametrize("service", SERVICES)
def test_every_figure_is_in_the_table(service: str) -> None:
    missing = [row for row in rows(service) if row not in DOCUMENT]
    assert not missing, "docs/operating.md lacks:\n" + "\n".join(missing)


def test_nothing_else_is_in_the_table() -> None:
    told = {line.split("`")[1] for line in DOCUMENT.splitlines() if line.startswith(("| `heapster_", "| `http_"))}
    assert told == {row.split("`")[1] for service in SERVICES for row in rows(service)}


@pytest.mark.parametrize("service", SERVICES[:4])  # the api keeps names that Heapster had
def test_names_are_those_of_the_service_with_base_units(service: str) -> None:
    for row in rows(service):
        name = row.split("`")[1]
        assert name.startswith(f"heapster_{service}_")
        assert not name.removesuffix("_total").endswith(("_ms", "_ns", "_kb", "_kbytes"))
