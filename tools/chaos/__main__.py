"""`python -m chaos`: faults at random for some minutes, then the comparison, point for point."""

import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Final

import click
from rich.console import Console

from runtime.shutdown import stop_on_signals
from tools.chaos.bench import Bench
from tools.chaos.faults import FAULTS, Fault
from tools.chaos.run import Run
from tools.chaos.verdict import Verdict, judge
from tools.stack.process import ProcessError

_INTERRUPTED: Final = 130


@click.command()
@click.option("--minutes", type=click.FloatRange(0, min_open=True), default=5.0, envvar="CHAOS_MINUTES")
@click.option("--seed", type=int, default=None, envvar="CHAOS_SEED", help="The same one brings the same faults.")
@click.option("--workers", type=click.IntRange(1), default=2, envvar="CHAOS_WORKERS", help="How many of each kind.")
@click.option("--only", default="", envvar="CHAOS_ONLY", metavar="TEXT", help="Only faults whose name has this in it.")
def main(minutes: float, seed: int | None, workers: int, only: str) -> None:
    """Break a real pipeline for some minutes, then compare InfluxDB with what the recorded scrapes amount to."""
    faults = [fault for fault in FAULTS if only in fault.name]
    if not faults:
        raise click.UsageError(f"--only={only}: there is {', '.join(sorted({fault.name for fault in FAULTS}))}")
    console = Console(highlight=False, soft_wrap=True)
    seed = int(time.time()) % 100_000 if seed is None else seed
    console.print(f"{minutes:g} minutes of chaos, seed {seed}, {workers} workers of each kind")
    folder = Path(tempfile.mkdtemp(prefix="heapster-chaos-"))
    try:
        chance = Random(seed)  # noqa: S311 - to be foreseen is the point
        verdict = _play(console, folder, faults, minutes * 60, chance, workers)
    except ProcessError as error:
        console.print(str(error), markup=False)
        sys.exit(1)
    if verdict is None:
        sys.exit(_INTERRUPTED)
    for line in verdict.lines:
        console.print(line, markup=False)
    if verdict.good:
        shutil.rmtree(folder)
    else:
        console.print(f"NOT AS IT SHOULD BE. Seed {seed}; logs and data are in {folder}", markup=False)
    sys.exit(0 if verdict.good else 1)


def _play(
    console: Console, folder: Path, faults: Sequence[Fault], for_s: float, chance: Random, workers: int
) -> Verdict | None:
    stopped = stop_on_signals()
    with Bench.running(folder, workers) as bench:
        run = Run(bench, chance, lambda line: console.print(line, markup=False), stopped)
        if not (run.until_scraped() and run.play(faults, for_s)):
            return None
        return judge(bench, run)


if __name__ == "__main__":
    main()
