"""Generate the tables of docs/metrics.md from the catalogue: run `python -m tests.metrics_table`."""

from pathlib import Path
from typing import Final

from schemas.catalogue import METRICS, EntityType, Metric

DOCUMENT: Final = Path(__file__).parents[1] / "docs" / "metrics.md"
HEAD: Final = "| metric | kind | type | unit | on | |\n|---|---|---|---|---|---|\n"

NAMES: Final[dict[EntityType, str]] = {
    "cluster": "cluster",
    "ns": "namespace",
    "workload": "workload",
    "node": "node",
    "pod": "pod",
    "pod_container": "container",
    "sys_container": "system container",
}


def table(*, extended: bool) -> str:
    return HEAD + "".join(row(metric) for metric in METRICS if metric.extended is extended)


def row(metric: Metric) -> str:
    on = ", ".join(name for entity, name in NAMES.items() if entity in metric.entities)
    more = [
        *([f"rate: `{metric.rate}`"] if metric.rate else []),
        *(["labeled"] if metric.labeled else []),
        *([] if metric.summary else ["cadvisor"]),
    ]
    return f"| `{metric.name}` | {metric.kind} | {metric.value} | {metric.unit} | {on} | {'; '.join(more)} |\n"


def current(text: str) -> str:
    """The document with its tables generated again: Heapster's metrics, then the extended ones."""
    before, heapsters, rest = _around_table(text)
    between, extended, after = _around_table(rest)
    assert heapsters
    assert extended
    return before + table(extended=False) + between + table(extended=True) + after


def _around_table(text: str) -> tuple[str, str, str]:
    before, head, rest = text.partition(HEAD)
    lines = rest.splitlines(keepends=True)
    rows = next((at for at, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return before, head, "".join(lines[rows:])


if __name__ == "__main__":
    DOCUMENT.write_text(current(DOCUMENT.read_text()))
