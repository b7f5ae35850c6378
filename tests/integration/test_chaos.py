"""Workers of every kind killed, frozen, added and removed at random: the same points, each window scraped once."""

import subprocess
import sys

import pytest

from chaos.contents import Database, QueryError
from stack.influxdb import InfluxDB

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


def test_what_is_compared_has_been_answered(influxdb: InfluxDB, influx_database: str) -> None:
    database = Database(influxdb, influx_database)
    assert database.content() == {}, "before it is there, nothing is in it"
    database.write_lines(["uptime value=1i 1700000000000000000"])
    assert database.points() == 1
    for broken in ("SELECT", 'SELECT * FROM "other"."autogen"."uptime"', 'SELECT * FROM "none".."uptime"'):
        with pytest.raises(QueryError):
            database.query(broken)
