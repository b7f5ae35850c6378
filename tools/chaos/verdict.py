"""The end of a run: everything comes to rest, and is compared with what the recorded scrapes amount to."""

import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Final, cast

from runtime import dead_letter
from schemas.codec import UndecodableError
from schemas.node_scrape import NodeScrape, decode_scrape
from schemas.topics import topics
from scraper.rounds.schedule import SCRAPE_OFFSET_NS
from tools.chaos.bench import RESOLUTION_S, Bench
from tools.chaos.contents import Content, Database, differences
from tools.chaos.expected import expected
from tools.chaos.recorded import is_of_a_scraper, recorded, value_of
from tools.chaos.run import Run
from tools.chaos.windows import windows

_REST_S: Final = 180.0
_LOOK_EVERY_S: Final = 3.0
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was compared, and whether it is as it should be."""

    good: bool
    lines: tuple[str, ...]


def judge(bench: Bench, run: Run) -> Verdict:
    """Stop the scrapers, let the others finish, compare."""
    shared = run.until_shared() and bench.all_are_scraped()
    for scraper in list(bench.workers["scraper"]):
        bench.remove(scraper)
    records = {
        partition: [value_of(record) for record in found if is_of_a_scraper(record)]
        for partition, found in recorded(bench.kafka.bootstrap, topics().kubelet_stats.name).items()
    }
    wanted = Database(bench.influxdb, "expected")
    wanted.write(expected(records))
    theirs = wanted.content()
    told = _at_rest(bench, run, theirs)
    scrapes = {partition: list(_scrapes(values)) for partition, values in records.items()}
    seen = windows(scrapes, run.takeovers, SCRAPE_OFFSET_NS)
    letters = _dead_letters(bench)
    lines = [
        f"{sum(map(len, records.values()))} records of kubelet-stats, windows of {RESOLUTION_S} s",
        f"{seen.scraped} node-windows scraped, {seen.missed} missed in a takeover, {len(run.takeovers)} of those",
        f"node-windows missed without one, or doubled: {len(seen.unexplained)}",
        *([] if shared else ["at the end there were nodes that no scraper had, or several"]),
        *seen.unexplained[:_SHOWN],
        f"{sum(map(len, theirs.values()))} points expected in {len(theirs)} measurements, {len(told)} differences",
        *told[:_SHOWN],
        f"{run.poison} unreadable records sent, {letters} of them among the dead letters",
    ]
    good = shared and not told and not seen.unexplained and letters == run.poison
    return Verdict(good, tuple(lines))


def _at_rest(bench: Bench, run: Run, theirs: Content) -> list[str]:
    """How InfluxDB differs from what is expected, once it does not any more, or will not."""
    ends_s = time.monotonic() + _REST_S
    while (told := differences(bench.database.content(), theirs)) and time.monotonic() < ends_s:
        time.sleep(_LOOK_EVERY_S)
        run.revive()
    return told


def _scrapes(values: Iterable[bytes]) -> Iterator[NodeScrape]:
    """Those that can be read."""
    for value in values:
        with suppress(UndecodableError):
            yield decode_scrape(value)


def _dead_letters(bench: Bench) -> int:
    """How many records have become dead letters, each counted once."""
    origin = (dead_letter.TOPIC, dead_letter.PARTITION, dead_letter.OFFSET)
    found: set[tuple[bytes | None, ...]] = set()
    for topic in (topics().kubelet_stats_dead_letter, topics().derived_metrics_dead_letter):
        for letter in chain.from_iterable(recorded(bench.kafka.bootstrap, topic.name).values()):
            headers = dict(cast("list[tuple[str, bytes | None]]", letter.headers() or []))
            found.add(tuple(headers.get(name) for name in origin))
    return len(found)
