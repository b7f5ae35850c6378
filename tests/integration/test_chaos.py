"""Workers of every kind killed, frozen, added and removed at random: the same points, each window scraped once."""

import subprocess
import sys

import pytest

SECONDS = 420


@pytest.mark.parametrize(
    ("workers", "only", "minutes"),
    [
        pytest.param(2, "kill -9", 1.0, id="two of each, killed again and again"),
        pytest.param(3, "kill -9", 1.0, id="three of each, killed again and again"),
        pytest.param(2, "scraper", 1.5, id="scrapers killed, frozen, added and removed"),
    ],
)
def test_chaos_changes_no_point_and_doubles_no_window(workers: int, only: str, minutes: float) -> None:
    command = (sys.executable, "-m", "chaos", f"--minutes={minutes}", "--seed=11", f"--workers={workers}")
    done = subprocess.run([*command, f"--only={only}"], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("killed and started again") >= (1 if only == "scraper" else 10)
    assert ", 0 differences" in done.stdout
    assert "0 node-windows missed or doubled without one" in done.stdout
