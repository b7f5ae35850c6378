"""Measure every stage, every service and the whole pipeline: `python -m tools.bench`.

The figures go to tools/bench/results and docs/performance.md. BENCH_QUICK=1 or --quick runs a small load and writes
nothing.
"""

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import click
from rich.console import Console

from runtime.memory import tune_memory
from tools.bench import history, pipeline, report, services, stages
from tools.bench.machine import described
from tools.bench.replays import replays
from tools.stack.cache import InstallError
from tools.stack.process import ProcessError

_HERE: Final = Path(__file__).parent
_DOCUMENT: Final = _HERE.parents[1] / "docs" / "performance.md"


class _Size(NamedTuple):
    rounds: int  # of the pure stages
    caught_up: Mapping[int, int]  # windows by nodes
    replayed: int  # nodes of the history that is replayed too
    scraped: Mapping[int, tuple[int, int]]  # rounds and seconds between them, by nodes
    pipelines: Mapping[str, pipeline.Load]


_WITH_FIELDS: Final = "&withfields=true"
_FULL: Final = _Size(
    rounds=20,
    caught_up={100: 20, 1000: 3, 5000: 2},
    replayed=1000,
    scraped={100: (4, 5), 1000: (3, 10), 5000: (2, 30)},
    pipelines={
        "100 nodes, into InfluxDB": pipeline.Load(nodes=100, every_s=10, windows=4),
        "1,000 nodes, into a sink that only reads": pipeline.Load(nodes=1000, every_s=60, windows=1, influxdb=False),
        "5,000 nodes, into a sink that only reads": pipeline.Load(nodes=5000, every_s=60, windows=1, influxdb=False),
        "1,000 nodes, with fields, into InfluxDB": pipeline.Load(
            nodes=1000, every_s=60, windows=1, schema=_WITH_FIELDS
        ),
        "1,000 nodes, spread over 30 s, with fields, into InfluxDB": pipeline.Load(
            nodes=1000, every_s=60, windows=1, schema=_WITH_FIELDS, spread_s=30
        ),
    },
)
_QUICK: Final = _Size(
    rounds=5,
    caught_up={20: 60},
    replayed=20,
    scraped={20: (3, 5)},
    pipelines={"20 nodes, into InfluxDB": pipeline.Load(nodes=20, every_s=10, windows=2)},
)


@click.command()
@click.option("--quick", is_flag=True, envvar="BENCH_QUICK", help="Small, for a look: nothing is written down.")
def main(*, quick: bool) -> None:
    """Measure every stage, every service and the whole pipeline, in about half an hour.

    The figures replace those in tools/bench/results/latest.json and docs/performance.md.
    """
    console = Console(highlight=False, soft_wrap=True, stderr=True)
    folder = Path(tempfile.mkdtemp(prefix="heapster-bench-"))
    try:
        results = _measured(_QUICK if quick else _FULL, folder, lambda text: console.print(text, markup=False))
    except (InstallError, ProcessError) as error:
        raise click.ClickException(f"{error}\nLogs and data are in {folder}.") from error
    except BaseException:  # interrupted: there is nothing to look into
        shutil.rmtree(folder, ignore_errors=True)
        raise
    shutil.rmtree(folder)
    text = report.tables(results)
    click.echo(text)
    if not quick:
        (_HERE / "results").mkdir(exist_ok=True)
        (_HERE / "results" / "latest.json").write_text(json.dumps(results, indent=1) + "\n")
        report.put_into(_DOCUMENT, text)


def _measured(size: _Size, folder: Path, tell: Callable[[str], None]) -> dict[str, Any]:
    tune_memory()
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
            recorded = history.record(here.settings, nodes, windows, tell)
            results["services"][str(nodes)] = services.processor_and_writer(here, nodes, recorded.scrapes, tell)
            if nodes == size.replayed:
                results["services"][str(nodes)] |= replays(here, recorded, tell)
    for nodes, (rounds, every_s) in size.scraped.items():
        with services.place(folder / f"scraped-{nodes}") as here:
            results["services"][str(nodes)] |= services.scraper(here, nodes, rounds, every_s, tell)
    for number, (name, load) in enumerate(size.pipelines.items()):
        tell(f"the whole pipeline, {name}")
        with services.place(folder / f"pipeline-{number}") as here:
            results["pipelines"][name] = pipeline.pipeline(here, load, tell)
    return results


if __name__ == "__main__":
    main()
