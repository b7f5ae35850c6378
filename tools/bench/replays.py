"""Replays: a history computed once more, by one worker, and by two that share it.

On few cores two workers have less than one each, as Kafka needs some too. So one and two are also measured with two
fifths of a core for each worker: then there is room for all, and what two lack of twice one is what sharing costs.
"""

from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Final

from processor.config import GROUP
from replay.groups import ConsumerGroups
from schemas.topics import replay_topics
from tools.bench.costs import cost
from tools.bench.history import History
from tools.bench.machine import cores
from tools.bench.services import Place, Tell, committed, worker
from tools.bench.shares import shares

_SHARES: Final = (
    (1, 1.0, "replay"),
    (2, 1.0, "replay by two"),
    (1, 0.4, "replay, 2/5 of a core"),
    (2, 0.4, "replay by two, 2/5 of a core each"),
)
_WARM: Final = 0.4  # of the records: of a first scrape there are no rates, it costs less
_COUNTED: Final = 0.9  # a replay cleans up after itself, and nobody sees its end


def replays(here: Place, recorded: History, tell: Tell) -> dict[str, object]:
    """One worker on the measured core; two on two cores, where there are as many."""
    found: dict[str, object] = {}
    for number, (workers, share, name) in enumerate(_SHARES):
        tell(f"{name}, {recorded.scrapes} records")
        groups, suffix = ConsumerGroups(here.settings), f"-bench-{number}"
        topic = replay_topics(suffix).kubelet_stats.name
        with ExitStack() as ending:
            started = [
                ending.enter_context(worker(here, "replay", *_arguments(recorded, suffix), core=core))
                for core in cores(workers)
            ]
            ending.enter_context(shares(started, share))
            found[name] = asdict(
                cost(
                    started,
                    lambda: committed(groups, GROUP + suffix, topic),  # noqa: B023 - called within this turn
                    warm=_WARM * recorded.scrapes,
                    records=_COUNTED * recorded.scrapes,
                )
            )
    return found


def _arguments(recorded: History, suffix: str) -> tuple[str, ...]:
    begin, end = (
        datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for at_s in (recorded.first_s, recorded.last_s)
    )
    return f"--from={begin}", f"--to={end}", f"--topic-suffix={suffix}"
