"""Catching up: when a partition counts as behind, and what is said of it."""

from api.ingest.backlog import PATIENCE_S, Backlog
from api.ingest.freshness import Progress, not_ready, unhealthy
from api.store.current_view import State

S = 1_000_000_000
NOW = 1_700_000_000 * S


def test_from_the_start_a_partition_is_behind_until_it_is_where_it_ended_then() -> None:
    backlog = Backlog()
    backlog.begin(0, 5, 8)
    backlog.begin(1, 3, 3)
    assert (backlog.behind(0), backlog.records) == ((0,), 3)
    backlog.read(0, 6)
    assert (backlog.behind(0), backlog.records) == ((0,), 1)
    backlog.read(0, 7)
    assert (backlog.behind(0), backlog.records) == ((), 0)


def test_later_it_is_behind_only_with_what_has_lain_there_for_a_while() -> None:
    backlog = Backlog()
    backlog.begin(0, 0, 0)
    backlog.ended({0: 4}, 100)
    assert (backlog.behind(100 + PATIENCE_S), backlog.records) == ((), 4)
    backlog.ended({0: 9}, 110)
    assert backlog.behind(100 + PATIENCE_S + 1) == (0,)
    backlog.read(0, 3)
    assert backlog.behind(100 + PATIENCE_S + 1) == ()
    backlog.ended({0: 9}, 117)
    assert backlog.behind(117 + PATIENCE_S) == ()
    assert backlog.behind(118 + PATIENCE_S) == (0,)


def state(newest_ns: int | None) -> State:
    return State(
        newest_ns=newest_ns,
        resolution_ns=60 * S,
        nodes=1,
        nodes_counted=1,
        nodes_expected=1,
        stale_after_ns=180 * S,
        stale=False,
    )


def test_reasons_come_in_the_order_of_what_to_look_at_first() -> None:
    going = Progress(started=True, partitions=2)
    assert not_ready(state(NOW), going, NOW) == []
    assert not_ready(state(None), Progress(error="away"), NOW) == [
        "Kafka: away",
        "derived-metrics is not being read yet",
        "no window has arrived yet: do scrapers and processors run?",
    ]
    behind = Progress(started=True, partitions=2, behind=(1,), records_behind=7)
    assert not_ready(state(NOW - 200 * S), behind, NOW) == [
        "catching up: 7 records behind, in partitions 1",
        "no news: the newest window ended at 2023-11-14T22:10:00Z, 200 s ago",
    ]
    hanging = Progress(started=True, told_ns=NOW - 31 * S)
    assert not_ready(state(NOW), hanging, NOW) == [
        "nothing has been heard for 31 s from the process that follows Kafka: does it hang?"
    ]
    assert not_ready(state(NOW), Progress(started=True, told_ns=NOW - 30 * S), NOW) == []
    other = Progress(started=True, other_clusters=("prod",))
    assert not_ready(state(None), other, NOW) == [
        "no window of this cluster has arrived yet, only of prod: is --cluster-name right?"
    ]


def test_healthy_in_heapsters_words() -> None:
    assert unhealthy(state(None), NOW) == "could not get the latest data batch"
    assert unhealthy(state(NOW - 180 * S), NOW) is None
    assert (
        unhealthy(state(NOW - 181 * S), NOW)
        == "No current data batch available (latest: 2023-11-14 22:10:19 +0000 UTC)."
    )
