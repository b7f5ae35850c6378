"""`python -m bench`: every stage, every service, the whole pipeline; the figures go to bench/results and into the docs.

BENCH_QUICK=1 is for a look: small, and nothing is written down.
"""

import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from rich.console import Console

from bench import pipeline, report, services, stages
from bench.machine import described
from runtime.memory import spare_memory_work
from stack.cache import InstallError
from stack.process import ProcessError

_HERE: Final = Path(__file__).parent
_DOCUMENT: Final = _HERE.parent / "docs" / "performance.md"


class _Size(NamedTuple):
    rounds: int  # of the pure stages
    caught_up: Mapping[int, int]  # windows by nodes
    scraped: Mapping[int, int]  # rounds by nodes
    pipelines: Mapping[str, Mapping[str, Any]]


_FULL: Final = _Size(
    rounds=40,
    caught_up={100: 25, 1000: 3, 5000: 2},
    scraped={100: 8, 1000: 4},
    pipelines={
        "100 nodes, default schema": {"nodes": 100, "every_s": 10, "windows": 4, "schema": ""},
        "1,000 nodes, with fields": {"nodes": 1000, "every_s": 30, "windows": 3, "schema": "&withfields=true"},
    },
)
_QUICK: Final = _Size(
    rounds=5,
    caught_up={20: 25},
    scraped={20: 3},
    pipelines={"20 nodes, default schema": {"nodes": 20, "every_s": 10, "windows": 2, "schema": ""}},
)


def main() -> int:
    """Measure, tell, and write down; the exit status."""
    quick = bool(os.environ.get("BENCH_QUICK"))
    console = Console(highlight=False, soft_wrap=True, stderr=True)
    folder = Path(tempfile.mkdtemp(prefix="heapster-bench-"))
    try:
        results = _measured(_QUICK if quick else _FULL, folder, lambda text: console.print(text, markup=False))
    except (InstallError, ProcessError) as error:
        console.print(f"{error}\nLogs and data are in {folder}.", markup=False)
        return 1
    shutil.rmtree(folder)
    text = report.tables(results)
    print(text)
    if not quick:
        (_HERE / "results").mkdir(exist_ok=True)
        (_HERE / "results" / "latest.json").write_text(json.dumps(results, indent=1) + "\n")
        report.put_into(_DOCUMENT, text)
    return 0


def _measured(size: _Size, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    spare_memory_work()
    tell("the pure stages")
    results: dict[str, Any] = {
        "machine": described(),
        "stages": stages.measure(size.rounds),
        "sizes": stages.sizes(),
        "services": {},
        "pipelines": {},
    }
    for nodes, windows in size.caught_up.items():
        with services.place(folder / f"caught-up-{nodes}") as here:
            results["services"][str(nodes)] = services.processor_and_writer(here, nodes, windows, tell)
    for nodes, rounds in size.scraped.items():
        with services.place(folder / f"scraped-{nodes}") as here:
            results["services"][str(nodes)] |= services.scraper(here, nodes, rounds, tell)
    for name, options in size.pipelines.items():
        tell(f"the whole pipeline, {name}")
        with services.place(folder / f"pipeline-{options['nodes']}") as here:
            results["pipelines"][name] = pipeline.pipeline(here, **options, tell=tell)
    return results


if __name__ == "__main__":
    sys.exit(main())
