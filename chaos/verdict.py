"""The end of a run: everything comes to rest, and is compared with what the recorded scrapes amount to."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Final, cast

from chaos.bench import RESOLUTION_S, Bench
from chaos.contents import Content, Database, differences
from chaos.expected import Records, expected
from chaos.recorded import recorded, value_of
from chaos.run import Run
from chaos.windows import windows
from runtime import dead_letter
from schemas.codec import UndecodableError
from schemas.node_scrape import NodeScrape, decode_scrape
from schemas.topics import topics

_REST_S: Final = 180.0
_LOOK_EVERY_S: Final = 3.0
_SHOWN: Final = 10
_FIRES_AFTER_NS: Final = 5_000_000_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was compared, and whether it is as it should be."""

    good: bool
    lines: tuple[str, ...]


def judge(bench: Bench, run: Run) -> Verdict:
    """Stop the scrapers, let the others finish, compare."""
    for scraper in list(bench.workers["scraper"]):
        bench.remove(scraper)
    records = {
        partition: [(record.offset() or 0, value_of(record)) for record in found]
        for partition, found in recorded(bench.kafka.bootstrap, topics().kubelet_stats.name).items()
    }
    wanted = Database(bench.influxdb, "expected")
    wanted.write(expected(records))
    theirs = wanted.content()
    told = _at_rest(bench, run, theirs)
    seen = windows(_first_scrapes(records), run.scraping_stopped, _FIRES_AFTER_NS)
    letters = _dead_letters(bench)
    lines = [
        f"{sum(map(len, records.values()))} records of kubelet-stats, windows of {RESOLUTION_S} s",
        f"{seen.scraped} node-windows scraped, {seen.missed} missed while a fault stopped the scraping",
        f"{len(seen.unexplained)} node-windows missed or doubled without one",
        *seen.unexplained[:_SHOWN],
        f"{sum(map(len, theirs.values()))} points expected in {len(theirs)} measurements, {len(told)} differences",
        *told[:_SHOWN],
        f"{run.poison} unreadable records sent, {letters} of them among the dead letters",
    ]
    return Verdict(not told and not seen.unexplained and letters == run.poison, tuple(lines))


def _at_rest(bench: Bench, run: Run, theirs: Content) -> list[str]:
    """How InfluxDB differs from what is expected, once it does not any more, or will not."""
    ends_s = time.monotonic() + _REST_S
    while (told := differences(bench.database.content(), theirs)) and time.monotonic() < ends_s:
        time.sleep(_LOOK_EVERY_S)
        run.revive()
    return told


def _first_scrapes(records: Records) -> Iterator[NodeScrape]:
    """Every scrape that a scraper made: not what was sent once more by a fault."""
    for values in records.values():
        seen: set[bytes] = set()
        for _, value in values:
            try:
                scrape = decode_scrape(value)
            except UndecodableError:
                continue
            if value not in seen and scrape.document != b"{}":
                seen.add(value)
                yield scrape


def _dead_letters(bench: Bench) -> int:
    """How many records have become dead letters, each counted once."""
    origin = (dead_letter.TOPIC, dead_letter.PARTITION, dead_letter.OFFSET)
    found: set[tuple[bytes | None, ...]] = set()
    for topic in (topics().kubelet_stats_dead_letter, topics().derived_metrics_dead_letter):
        for letter in chain.from_iterable(recorded(bench.kafka.bootstrap, topic.name).values()):
            headers = dict(cast("list[tuple[str, bytes | None]]", letter.headers() or []))
            found.add(tuple(headers.get(name) for name in origin))
    return len(found)
