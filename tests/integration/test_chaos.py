"""Workers of every kind killed, frozen, added and removed at random: the same points, each window scraped once."""

import re
import subprocess
import sys

import pytest

from tools.chaos.contents import Database, QueryError
from tools.stack.influxdb import InfluxDB

SECONDS = 420
SEEN = re.compile(r"^(\d+) node-windows scraped, (\d+) missed in a takeover, (\d+) of those$", re.MULTILINE)
COMPARED = re.compile(r"^[1-9]\d* points expected in \d+ measurements, 0 differences$", re.MULTILINE)


@pytest.mark.parametrize(
    ("workers", "only", "minutes", "at_least"),
    [
        pytest.param(2, "kill -9", 1.0, {"killed": 10}, id="two of each, killed again and again"),
        pytest.param(3, "kill -9", 1.0, {"killed": 10}, id="three of each, killed again and again"),
        pytest.param(
            2, "scraper", 1.5, {"killed": 2, "frozen": 1, "added": 1}, id="scrapers killed, frozen, added and removed"
        ),
    ],
)
def test_chaos_changes_no_point_and_costs_a_window_in_a_takeover_at_most(
    workers: int, only: str, minutes: float, at_least: dict[str, int]
) -> None:
    command = (sys.executable, "-m", "tools.chaos", f"--minutes={minutes}", "--seed=11", f"--workers={workers}")
    done = subprocess.run([*command, f"--only={only}"], capture_output=True, text=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    faults = {what: len(re.findall(rf" s  \w+ \d+ {what}\b", done.stdout)) for what in at_least}
    assert all(faults[what] >= times for what, times in at_least.items()), done.stdout
    told = SEEN.search(done.stdout)
    assert told is not None
    scraped, missed, takeovers = map(int, told.groups())
    assert takeovers >= 2
    assert scraped > 2 * missed, "most windows can have no excuse"
    assert "\nnode-windows missed without one, or doubled: 0\n" in done.stdout
    assert COMPARED.search(done.stdout)


def test_what_is_compared_has_been_answered(influxdb: InfluxDB, influx_database: str) -> None:
    database = Database(influxdb, influx_database)
    assert database.content() == {}, "before it is there, nothing is in it"
    database.write_lines(["uptime value=1i 1700000000000000000"])
    assert database.points() == 1
    for broken in ("SELECT", 'SELECT * FROM "other"."autogen"."uptime"', 'SELECT * FROM "none".."uptime"'):
        with pytest.raises(QueryError):
            database.query(broken)
