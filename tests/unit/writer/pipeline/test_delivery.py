import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

from runtime.errors import UnavailableError
from runtime.uri import UriOptions, parse_keyed_uri
from schemas.metric_batch import MetricBatch
from writer.lines.render import Rendered
from writer.pipeline.delivery import Delivery
from writer.pipeline.outage_log import OutageLog
from writer.pipeline.write_requests import RecordLines, Refusal, Request
from writer.sinks.config import InfluxConfig
from writer.sinks.influxdb import InfluxSink

TIMEOUT_S = 20.0
CONFLICT = "partial write: field type conflict: already exists as type integer dropped={}"

Send: TypeAlias = Callable[..., Delivery]


def record_lines(*lines: str, partition: int = 0, offset: int = 0) -> RecordLines:
    return RecordLines(partition, offset, "".join(f"{line}\n" for line in lines), len(lines))


class BlockedSink:
    """Blocks every write until it is opened."""

    name = "blocked"

    def __init__(self, concurrency: int = 1) -> None:
        self.concurrency = concurrency
        self.written: list[str] = []
        self.started = threading.Semaphore(0)
        self.open = threading.Event()

    def render(self, batch: MetricBatch) -> Rendered:
        raise NotImplementedError

    def write(self, body: bytes) -> None:
        self.started.release()
        assert self.open.wait(TIMEOUT_S)
        self.written += body.decode().splitlines()


@pytest.fixture
def send(server: Any) -> Iterator[Send]:
    """Start a delivery to the server; it does not pause, but appends each Retry-After to `pauses`."""
    sinks: list[InfluxSink] = []

    def start(
        *requests: Request, pauses: list[float | None] | None = None, options: str = "", timeout_s: float = TIMEOUT_S
    ) -> Delivery:
        keyed = parse_keyed_uri("--sink", f"influxdb:{server.url}?{options}", {})
        sinks.append(InfluxSink(InfluxConfig.parse(keyed, UriOptions.from_uri(keyed)), answer_timeout_s=timeout_s))

        def pause_s(_: int, retry_after_s: float | None) -> float:
            if pauses is not None:
                pauses.append(retry_after_s)
            return 0.0

        return Delivery(requests, sinks[-1], OutageLog("s"), pause_s=pause_s)

    yield start
    for each in sinks:
        each.close()


def test_every_request_is_sent_and_its_points_are_counted(server: Any, send: Send) -> None:
    delivery = send((record_lines("a 1", "b 2"),), (record_lines("c 3"),))
    assert delivery.wait(TIMEOUT_S)
    assert [write.lines for write in server.writes] == [["a 1", "b 2"], ["c 3"]]
    assert (delivery.points, delivery.refusals) == (3, [])


def test_a_delivery_without_requests_is_done_at_once(send: Send) -> None:
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
def test_a_request_that_fails_is_retried_until_it_succeeds(
    server: Any, send: Send, answer: object, asked: float | None
) -> None:
    server.script = [answer, answer]
    pauses: list[float | None] = []
    delivery = send((record_lines("a 1"),), pauses=pauses)
    assert delivery.wait(TIMEOUT_S)
    assert [write.lines for write in server.writes] == [["a 1"]] * 3
    assert pauses == [asked, asked]
    assert (delivery.points, delivery.refusals) == (1, [])


def test_a_request_that_times_out_is_retried(server: Any, send: Send) -> None:
    server.script = ["hang"]
    delivery = send((record_lines("a 1"),), timeout_s=0.5)
    assert delivery.wait(TIMEOUT_S)
    assert {tuple(write.lines) for write in server.writes} == {("a 1",)}
    assert len(server.writes) > 1
    assert (delivery.points, delivery.refusals) == (1, [])


def test_only_the_bad_lines_are_refused(server: Any, send: Send) -> None:
    def refuse(lines: list[str]) -> tuple[int, str] | None:
        bad = sum(line.startswith("bad") for line in lines)
        return (400, f'{{"error":"{CONFLICT.format(bad)}"}}') if bad else None

    server.refuses = refuse
    good = [f"good,x={number} 1" for number in range(60)]
    delivery = send(
        (record_lines(*good[:20], "bad 1", *good[20:]), record_lines("bad 2", "also,good=1 1", partition=3, offset=7)),
        (record_lines("fine 1"),),
    )
    assert delivery.wait(TIMEOUT_S)
    assert sorted(delivery.refusals) == [
        Refusal(record_lines("bad 1"), CONFLICT.format(1)),
        Refusal(record_lines("bad 2", partition=3, offset=7), CONFLICT.format(1)),
    ]
    assert delivery.points == 62
    assert len(server.writes) < 40


def test_a_request_with_only_bad_lines_is_sent_once(server: Any, send: Send) -> None:
    server.refuses = lambda lines: (400, f'{{"error":"{CONFLICT.format(len(lines))}"}}')
    delivery = send((record_lines(*(f"bad {number}" for number in range(1000))),))
    assert delivery.wait(TIMEOUT_S)
    assert (len(server.writes), len(delivery.refusals[0].record_lines.lines), delivery.points) == (1, 1000, 0)


def test_a_request_that_is_too_large_is_sent_in_parts(server: Any, send: Send) -> None:
    server.refuses = lambda lines: (413, '{"error":"Request Entity Too Large"}') if len(lines) > 3 else None
    lines = [f"m {number}" for number in range(10)]
    delivery = send((record_lines(*lines),))
    assert delivery.wait(TIMEOUT_S)
    assert (delivery.points, delivery.refusals) == (10, [])
    assert sorted(line for write in server.writes if len(write.lines) <= 3 for line in write.lines) == lines


def test_points_older_than_the_retention_are_not_refused(server: Any, send: Send) -> None:
    server.script = [(400, '{"error":"partial write: points beyond retention policy dropped=2"}')]
    delivery = send((record_lines("old 1", "old 2", "new 3"),))
    assert delivery.wait(TIMEOUT_S)
    assert (delivery.points, delivery.refusals, len(server.writes)) == (1, [], 1)


def test_no_line_is_lost_if_the_server_fails_while_a_request_is_split(server: Any, send: Send) -> None:
    server.script = [(400, '{"error":"partial write: it dropped=0"}'), (503, ""), "cut", (204, ""), (503, "")]
    delivery = send((record_lines("a 1", "b 2"),))
    assert delivery.wait(TIMEOUT_S)
    assert delivery.points == 2
    assert {line for write in server.writes[3:] for line in write.lines} == {"a 1", "b 2"}


def test_requests_in_flight_are_limited_by_the_sinks_concurrency() -> None:
    sink = BlockedSink(concurrency=3)
    delivery = Delivery([(record_lines(f"m {number}"),) for number in range(5)], sink, OutageLog("s"))
    assert all(sink.started.acquire(timeout=TIMEOUT_S) for _ in range(3))
    assert not sink.started.acquire(timeout=0.05)
    sink.open.set()
    assert delivery.wait(TIMEOUT_S)
    assert sorted(sink.written) == [f"m {number}" for number in range(5)]


def test_wait_returns_at_its_timeout() -> None:
    sink = BlockedSink()
    delivery = Delivery([(record_lines("m 1"),)], sink, OutageLog("s"))
    assert not delivery.wait(0.01)
    sink.open.set()
    assert delivery.wait(TIMEOUT_S)


def test_lines_of_dropped_partitions_are_not_sent() -> None:
    sink = BlockedSink()
    delivery = Delivery(
        [(record_lines("a 1"),), (record_lines("b 2", partition=1), record_lines("c 3"))], sink, OutageLog("s")
    )
    assert sink.started.acquire(timeout=TIMEOUT_S)
    delivery.drop({1})
    assert not delivery.in_flight({1}, 0)
    assert delivery.in_flight({0, 1}, 0)
    sink.open.set()
    assert delivery.wait(TIMEOUT_S)
    assert (sink.written, delivery.points) == (["a 1", "c 3"], 2)
    assert not delivery.in_flight({0, 1}, 0)


def test_an_abandoned_delivery_is_never_done() -> None:
    sink = BlockedSink()
    delivery = Delivery([(record_lines("a 1"),), (record_lines("b 2"),)], sink, OutageLog("s"))
    assert sink.started.acquire(timeout=TIMEOUT_S)
    delivery.abandon()
    sink.open.set()
    assert not delivery.wait(TIMEOUT_S)
    assert sink.written == ["a 1"]


def test_nothing_is_sent_if_may_send_is_false() -> None:
    sink = BlockedSink()
    sink.open.set()
    delivery = Delivery([(record_lines("a 1"),)], sink, OutageLog("s"), may_send=lambda: False)
    assert not delivery.wait(TIMEOUT_S)
    assert sink.written == []


def test_an_exception_of_a_sending_thread_is_raised_by_wait() -> None:
    class BrokenSink(BlockedSink):
        def write(self, body: bytes) -> None:
            raise KeyError(body)

    delivery = Delivery([(record_lines("a 1"),)], BrokenSink(), OutageLog("s"))
    with pytest.raises(KeyError):
        delivery.wait(TIMEOUT_S)


def test_an_outage_is_logged_once_when_it_starts_and_once_when_it_ends(caplog: pytest.LogCaptureFixture) -> None:
    outage = OutageLog("s")
    with caplog.at_level(logging.INFO):
        outage.succeeded()
        for _ in range(3):
            outage.failed(UnavailableError("no answer"))
        outage.succeeded()
        outage.succeeded()
        outage.failed(UnavailableError("no answer"))
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "sink unavailable",
        "sink available again",
        "sink unavailable",
    ]
