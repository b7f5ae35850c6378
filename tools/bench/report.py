"""The report: results as tables in docs/performance.md, between two marks."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from tools.bench.stages import FLOOR, FLOOR_IN_COLUMNS

BEGIN: Final = "<!-- made by `make bench` -->"
END: Final = "<!-- end -->"


def tables(results: Mapping[str, Any]) -> str:
    """All of it, in Markdown."""
    return "\n".join((*_machine(results), *_stages(results), *_services(results), *_pipelines(results)))


def put_into(document: Path, text: str) -> None:
    """Replace what stands between the marks. Raises ValueError: there are none."""
    before, begin, rest = document.read_text("utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{document} has no place for the tables: {BEGIN} and {END}")
    document.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", "utf-8")


def _machine(results: Mapping[str, Any]) -> Iterator[str]:
    yield "Measured on: " + ", ".join(f"{name} {value}" for name, value in results["machine"].items()) + "."


def _stages(results: Mapping[str, Any]) -> Iterator[str]:
    stages = results["stages"]
    yield "\nStages alone, on one core:\n"
    yield "| stage | CPU ms per node-scrape | node-scrapes/s | to the floor in full | to the floor in columns |"
    yield "|---|---:|---:|---:|---:|"
    for name, cpu_ms in stages.items():
        floors = (cpu_ms / stages[floor] for floor in (FLOOR, FLOOR_IN_COLUMNS))
        yield f"| {name} | {cpu_ms:.2f} | {1000 / cpu_ms:.0f} | " + " | ".join(f"{each:.2f}" for each in floors) + " |"
    yield "\nBytes of a node-scrape before Kafka compresses them: " + ", ".join(
        f"`{name}` {size:,}" for name, size in results["sizes"].items()
    )


def _services(results: Mapping[str, Any]) -> Iterator[str]:
    yield "\nServices on the real Kafka, one worker on one core where the name does not say otherwise:\n"
    yield "| service | nodes | CPU ms per node-scrape | node-scrapes/s | memory at most, MB |"
    yield "|---|---:|---:|---:|---:|"
    for nodes, found in results["services"].items():
        for name, cost in found.items():
            if name != "bytes":
                yield f"| {name} | {nodes} | {cost['cpu_ms']:.2f} | {cost['per_second']:.0f} | {cost['peak_mb']:.0f} |"
    yield "\nBytes of a node-scrape on the broker's disk, compressed:\n"
    yield "| topic | " + " | ".join(f"{nodes} nodes" for nodes in results["services"]) + " |"
    yield "|---|" + "---:|" * len(results["services"])
    for topic in next(iter(results["services"].values()))["bytes"]:
        sizes = (found["bytes"].get(topic, 0) for found in results["services"].values())
        yield f"| `{topic}` | " + " | ".join(f"{size:,}" for size in sizes) + " |"


def _pipelines(results: Mapping[str, Any]) -> Iterator[str]:
    yield "\nThe whole pipeline, one worker of each kind:\n"
    yield "| | scraper | processor | writer | CPU ms in all | memory, MB | latency p50, s | p99, s |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    columns = ("scraper", "processor", "writer", "all", "memory_mb", "latency_p50_s", "latency_p99_s")
    for name, found in results["pipelines"].items():
        yield f"| {name} | " + " | ".join(f"{found[column]:g}" for column in columns) + " |"
