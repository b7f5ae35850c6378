import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from runtime.errors import UnavailableError
from runtime.uri import Options, parse_keyed_uri
from schemas.metric_batch import MetricBatch
from writer.lines.render import Rendered
from writer.pipeline.delivery import Delivery, Refusal
from writer.pipeline.outage_log import OutageLog
from writer.pipeline.write_requests import RecordLines, Request
from writer.sinks.config import InfluxConfig
from writer.sinks.influxdb import InfluxSink

LONG_S = 20.0  # for what must happen
CONFLICT = "partial write: field type conflict: already exists as type integer dropped={}"

Sent: TypeAlias = Callable[..., Delivery]


def piece(*lines: str, partition: int = 0, offset: int = 0) -> RecordLines:
    return RecordLines(partition, offset, "".join(f"{line}\n" for line in lines), len(lines))


class Valve:
    """A sink that takes lines when it is told to."""

    name = "valve"

    def __init__(self, concurrency: int = 1) -> None:
        self.concurrency = concurrency
        self.taken: list[str] = []
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()

    def render(self, batch: MetricBatch) -> Rendered:
        raise NotImplementedError

    def write(self, body: bytes) -> None:
        self.begun.release()
        assert self.open.wait(LONG_S)
        self.taken += body.decode().splitlines()


@pytest.fixture
def send(server: Any) -> Iterator[Sent]:
    """Delivers to the server that misbehaves; pauses that would have been made are kept in `pauses`."""
    made: list[InfluxSink] = []

    def start(
        *requests: Request, pauses: list[float | None] | None = None, options: str = "", timeout_s: float = LONG_S
    ) -> Delivery:
        keyed = parse_keyed_uri("--sink", f"influxdb:{server.url}?{options}", {})
        made.append(InfluxSink(InfluxConfig.parse(keyed, Options.of(keyed)), answer_timeout_s=timeout_s))

        def pause_s(_: int, retry_after_s: float | None) -> float:
            if pauses is not None:
                pauses.append(retry_after_s)
            return 0.0

        return Delivery(requests, made[-1], OutageLog("s"), pause_s=pause_s)

    yield start
    for each in made:
        each.close()


def test_every_request_is_sent_and_its_points_are_counted(server: Any, send: Sent) -> None:
    delivery = send((piece("a 1", "b 2"),), (piece("c 3"),))
    assert delivery.wait(LONG_S)
    assert [write.lines for write in server.writes] == [["a 1", "b 2"], ["c 3"]]
    assert (delivery.points, delivery.refusals) == (3, [])


def test_nothing_to_send_is_done_at_once(send: Sent) -> None:
    assert send().wait(0)


@pytest.mark.parametrize(
    ("answer", "asked"),
    [
        ((503, '{"message":"busy"}', {"Retry-After": "7"}), 7),
        ((429, '{"message":"slow down"}', {"Retry-After": "3"}), 3),
        ((500, '{"error":"timeout"}'), None),
        ((502, "<html>"), None),
        ((401, '{"error":"authorization failed"}'), None),
        ((403, '{"error":"not authorized"}'), None),
        ((400, "<html>"), None),
        ("cut", None),
    ],
)
def test_what_is_not_answered_well_is_sent_again_until_it_is(
    server: Any, send: Sent, answer: object, asked: float | None
) -> None:
    server.script = [answer, answer]
    pauses: list[float | None] = []
    delivery = send((piece("a 1"),), pauses=pauses)
    assert delivery.wait(LONG_S)
    assert [write.lines for write in server.writes] == [["a 1"]] * 3
    assert pauses == [asked, asked]
    assert (delivery.points, delivery.refusals) == (1, [])


def test_what_is_not_answered_is_sent_again(server: Any, send: Sent) -> None:
    server.script = ["hang"]
    delivery = send((piece("a 1"),), timeout_s=0.5)
    assert delivery.wait(LONG_S)
    assert {tuple(write.lines) for write in server.writes} == {("a 1",)}
    assert len(server.writes) > 1
    assert (delivery.points, delivery.refusals) == (1, [])


def test_only_the_bad_lines_are_refused(server: Any, send: Sent) -> None:
    def refuse(lines: list[str]) -> tuple[int, str] | None:
        bad = sum(line.startswith("bad") for line in lines)
        return (400, f'{{"error":"{CONFLICT.format(bad)}"}}') if bad else None

    server.refuses = refuse
    good = [f"good,x={number} 1" for number in range(60)]
    delivery = send(
        (piece(*good[:20], "bad 1", *good[20:]), piece("bad 2", "also,good=1 1", partition=3, offset=7)),
        (piece("fine 1"),),
    )
    assert delivery.wait(LONG_S)
    assert sorted(delivery.refusals) == [
        Refusal(piece("bad 1"), CONFLICT.format(1)),
        Refusal(piece("bad 2", partition=3, offset=7), CONFLICT.format(1)),
    ]
    assert delivery.points == 62
    assert len(server.writes) < 40


def test_a_request_that_is_all_bad_costs_one_try(server: Any, send: Sent) -> None:
    server.refuses = lambda lines: (400, f'{{"error":"{CONFLICT.format(len(lines))}"}}')
    delivery = send((piece(*(f"bad {number}" for number in range(1000))),))
    assert delivery.wait(LONG_S)
    assert (len(server.writes), len(delivery.refusals[0].piece.lines), delivery.points) == (1, 1000, 0)


def test_a_request_that_is_too_large_is_sent_in_parts(server: Any, send: Sent) -> None:
    server.refuses = lambda lines: (413, '{"error":"Request Entity Too Large"}') if len(lines) > 3 else None
    lines = [f"m {number}" for number in range(10)]
    delivery = send((piece(*lines),))
    assert delivery.wait(LONG_S)
    assert (delivery.points, delivery.refusals) == (10, [])
    assert sorted(line for write in server.writes if len(write.lines) <= 3 for line in write.lines) == lines


def test_points_that_retention_would_remove_are_no_refusal(server: Any, send: Sent) -> None:
    server.script = [(400, '{"error":"partial write: points beyond retention policy dropped=2"}')]
    delivery = send((piece("old 1", "old 2", "new 3"),))
    assert delivery.wait(LONG_S)
    assert (delivery.points, delivery.refusals, len(server.writes)) == (1, [], 1)


def test_an_unavailable_server_amid_narrowing_loses_nothing(server: Any, send: Sent) -> None:
    server.script = [(400, '{"error":"partial write: it dropped=0"}'), (503, ""), "cut", (204, ""), (503, "")]
    delivery = send((piece("a 1", "b 2"),))
    assert delivery.wait(LONG_S)
    assert delivery.points == 2
    assert {line for write in server.writes[3:] for line in write.lines} == {"a 1", "b 2"}


def test_as_many_requests_are_in_flight_as_the_sink_allows() -> None:
    valve = Valve(concurrency=3)
    delivery = Delivery([(piece(f"m {number}"),) for number in range(5)], valve, OutageLog("s"))
    assert all(valve.begun.acquire(timeout=LONG_S) for _ in range(3))
    assert not valve.begun.acquire(timeout=0.05)
    valve.open.set()
    assert delivery.wait(LONG_S)
    assert sorted(valve.taken) == [f"m {number}" for number in range(5)]


def test_waiting_ends_in_time() -> None:
    valve = Valve()
    delivery = Delivery([(piece("m 1"),)], valve, OutageLog("s"))
    assert not delivery.wait(0.01)
    valve.open.set()
    assert delivery.wait(LONG_S)


def test_partitions_of_others_are_not_sent_any_more() -> None:
    valve = Valve()
    delivery = Delivery([(piece("a 1"),), (piece("b 2", partition=1), piece("c 3"))], valve, OutageLog("s"))
    assert valve.begun.acquire(timeout=LONG_S)
    delivery.drop({1})
    assert not delivery.in_flight({1}, 0)
    assert delivery.in_flight({0, 1}, 0)
    valve.open.set()
    assert delivery.wait(LONG_S)
    assert (valve.taken, delivery.points) == (["a 1", "c 3"], 2)
    assert not delivery.in_flight({0, 1}, 0)


def test_an_abandoned_delivery_is_never_done() -> None:
    valve = Valve()
    delivery = Delivery([(piece("a 1"),), (piece("b 2"),)], valve, OutageLog("s"))
    assert valve.begun.acquire(timeout=LONG_S)
    delivery.abandon()
    valve.open.set()
    assert not delivery.wait(LONG_S)
    assert valve.taken == ["a 1"]


def test_nothing_is_sent_once_we_may_not() -> None:
    valve = Valve()
    valve.open.set()
    delivery = Delivery([(piece("a 1"),)], valve, OutageLog("s"), may_send=lambda: False)
    assert not delivery.wait(LONG_S)
    assert valve.taken == []


def test_a_bug_is_raised_where_it_is_seen() -> None:
    class Broken(Valve):
        def write(self, body: bytes) -> None:
            raise KeyError(body)

    delivery = Delivery([(piece("a 1"),)], Broken(), OutageLog("s"))
    with pytest.raises(KeyError):
        delivery.wait(LONG_S)


def test_an_outage_is_told_once_and_so_is_its_end(caplog: pytest.LogCaptureFixture) -> None:
    outage = OutageLog("s")
    with caplog.at_level(logging.INFO):
        outage.over()
        for _ in range(3):
            outage.failed(UnavailableError("no answer"))
        outage.over()
        outage.over()
        outage.failed(UnavailableError("no answer"))
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "sink unavailable",
        "sink available again",
        "sink unavailable",
    ]
