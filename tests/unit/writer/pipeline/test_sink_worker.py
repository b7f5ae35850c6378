import functools
import logging
import threading
from collections.abc import Callable, Iterator

import pytest

from runtime.errors import UnavailableError
from runtime.health import Health
from runtime.kafka import MAX_POLL_GAP_S
from schemas.metric_batch import MetricBatch, MetricSet, Version, encode_batch
from schemas.topics import Topic
from tests.unit.writer.pipeline.clock import Clock
from tests.unit.writer.pipeline.fake_kafka import FakeConsumer, FakeKafka, FakeMessage
from tests.waiting import wait_until
from writer.lines.render import Rendered
from writer.pipeline.delivery import Delivery
from writer.pipeline.outage_log import OutageLog
from writer.pipeline.sink_worker import SinkWorker, WriterConfig, prepare_sink
from writer.sinks.sink import RefusedError, Sink

SOURCE, DEAD_LETTER, GROUP = "derived-metrics", "dead-letters", "heapster-writer-fake"
TIMEOUT_S = 20.0
SUSPENDED_S = MAX_POLL_GAP_S + 1.0


class FakeSink:
    """Records the lines it accepts. A test lets writes fail or block."""

    name = "fake"
    concurrency = 1

    def __init__(self) -> None:
        self.written: list[str] = []
        self.attempts: list[list[str]] = []
        self.on_write: Callable[[list[str]], None] = lambda _: None

    def block(self) -> threading.Event:
        """Block writes until the event is set."""
        may_finish = threading.Event()

        def wait(_: list[str]) -> None:
            assert may_finish.wait(TIMEOUT_S)

        self.on_write = wait
        return may_finish

    def render(self, batch: MetricBatch) -> Rendered:
        names = [name for metric_set in batch.sets for name in metric_set.values]
        return Rendered("".join(f"{batch.entity} {name}\n" for name in names), len(names), {})

    def prepare(self) -> None:
        pass

    def write(self, body: bytes) -> None:
        lines = body.decode().splitlines()
        self.attempts.append(lines)
        self.on_write(lines)
        self.written += lines


class RunningWorker:
    """A worker in a thread of its own."""

    def __init__(self, kafka: FakeKafka, sink: FakeSink) -> None:
        config = WriterConfig(
            kafka=kafka.settings(),
            source=Topic(name=SOURCE, retention_ms=-1),
            dead_letter=Topic(name=DEAD_LETTER, retention_ms=-1),
        )
        self.stopped = threading.Event()
        self.health = Health(lambda: 0.0)
        self._error: BaseException | None = None
        worker = SinkWorker(config, sink, self.stopped, self.health)

        def run() -> None:
            try:
                worker.run()
            except BaseException as error:  # noqa: BLE001 - raised again by `stop`
                self._error = error

        self.thread = threading.Thread(target=run, daemon=True)
        self.thread.start()

    def stop(self) -> None:
        self.stopped.set()
        self.thread.join(TIMEOUT_S)
        assert not self.thread.is_alive()
        if self._error is not None:
            raise self._error


Start = Callable[[FakeSink], RunningWorker]


@pytest.fixture
def start(kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts workers that pause their partitions and retry without waiting."""
    monkeypatch.setattr("writer.pipeline.sink_worker.Delivery", functools.partial(Delivery, pause_s=lambda *_: 0.01))
    monkeypatch.setattr("writer.pipeline.sink_worker._PAUSE_AFTER_S", 0.05)
    monkeypatch.setattr("writer.pipeline.sink_worker._POLL_EVERY_S", 0.01)
    monkeypatch.setattr("writer.pipeline.sink_worker._FIRST_RECORD_S", 0.05)
    monkeypatch.setattr("writer.pipeline.sink_worker._LINGER_S", 0.0)
    workers: list[RunningWorker] = []

    def start_worker(sink: FakeSink) -> RunningWorker:
        workers.append(RunningWorker(kafka, sink))
        return workers[-1]

    yield start_worker
    for worker in workers:
        worker.stop()


def produce(kafka: FakeKafka, *entities: str, metrics: int = 1, partition: int = 0) -> None:
    for entity in entities:
        values = {f"m{number}": number for number in range(metrics)}
        batch = MetricBatch(
            cluster="c",
            entity=entity,
            window_end_ns=60,
            resolution_ns=60,
            sets=(MetricSet(f"node:{entity}", "node", {}, values),),
            version=Version(1, 0),
        )
        kafka.produce(SOURCE, encode_batch(batch), partition=partition, key=entity.encode())


def committed(kafka: FakeKafka, partition: int = 0) -> int | None:
    return kafka.committed_offset(GROUP, SOURCE, partition)


def wait_for_commit(kafka: FakeKafka, offset: int, partition: int = 0) -> None:
    wait_until(lambda: committed(kafka, partition) == offset, f"offset {offset} is committed", TIMEOUT_S)


def test_records_are_written_and_then_committed(kafka: FakeKafka, start: Start) -> None:
    sink = FakeSink()
    written_at_commit: list[int] = []
    kafka.on_commit = lambda _: written_at_commit.append(len(sink.written))
    produce(kafka, "n1", "n2")
    produce(kafka, "n3", partition=2)
    start(sink)
    wait_for_commit(kafka, 2)
    wait_for_commit(kafka, 1, partition=2)
    assert sorted(sink.written) == ["n1 m0", "n2 m0", "n3 m0"]
    assert written_at_commit[-1] == 3


def test_nothing_is_committed_during_an_outage_and_the_records_are_retried(kafka: FakeKafka, start: Start) -> None:
    sink, is_available = FakeSink(), threading.Event()

    def fail(_: list[str]) -> None:
        if not is_available.is_set():
            raise UnavailableError("connection refused")

    sink.on_write = fail
    produce(kafka, "n1")
    worker = start(sink)
    wait_until(lambda: len(sink.attempts) > 3, "several attempts", TIMEOUT_S)
    wait_until(lambda: any("fake: unavailable" in each for each in worker.health.unready()), "not ready", TIMEOUT_S)
    assert committed(kafka) is None
    is_available.set()
    wait_for_commit(kafka, 1)
    assert sink.written == ["n1 m0"]


def test_a_long_write_pauses_the_partitions_and_keeps_polling_kafka(kafka: FakeKafka, start: Start) -> None:
    sink = FakeSink()
    may_finish = sink.block()
    produce(kafka, "n1")
    start(sink)
    wait_until(lambda: bool(sink.attempts), "a write is in flight", TIMEOUT_S)
    wait_until(lambda: kafka.consumers[0].paused == {0, 1, 2, 3}, "the partitions are paused", TIMEOUT_S)
    kafka.assigned = {0, 1}
    wait_until(lambda: len(kafka.consumers[0].assignment()) == 2, "a rebalance during the write", TIMEOUT_S)
    produce(kafka, "n2")
    may_finish.set()
    wait_for_commit(kafka, 2)
    assert sink.written == ["n1 m0", "n2 m0"]
    assert kafka.consumers[0].paused & {0, 1} == set()


def test_a_short_write_does_not_pause_the_partitions(
    kafka: FakeKafka, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("writer.pipeline.sink_worker._PAUSE_AFTER_S", TIMEOUT_S)
    produce(kafka, "n1")
    start(FakeSink())
    wait_for_commit(kafka, 1)
    assert kafka.consumers[0].pauses == 0


def test_refused_and_undecodable_records_are_dead_letters_and_committed_once_kafka_has_them(
    kafka: FakeKafka, start: Start
) -> None:
    def refuse(lines: list[str]) -> None:
        if any(line.startswith("bad") for line in lines):
            raise RefusedError("field type conflict", by_field=False)

    sink = FakeSink()
    sink.on_write = refuse
    kafka.is_acknowledging = False
    kafka.produce(SOURCE, b"not Avro", key=b"k")
    produce(kafka, "n1", "bad")
    start(sink)
    wait_until(lambda: sink.written == ["n1 m0"], "the valid record is written", TIMEOUT_S)
    wait_until(lambda: bool(kafka.consumers[0].paused), "the worker waits for the dead letters", TIMEOUT_S)
    assert committed(kafka) is None
    kafka.is_acknowledging = True
    wait_for_commit(kafka, 3)
    reasons = [dict(message.headers() or ())["reason"].decode() for message in kafka.messages(DEAD_LETTER)]
    assert [reason[:19] for reason in reasons] == ["metric_batch: not A", "field type conflict"]


def test_a_write_batch_ends_at_its_limit_of_points(
    kafka: FakeKafka, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("writer.pipeline.sink_worker.MAX_POINTS", 4)
    sink = FakeSink()
    produce(kafka, "n1", "n2", "n3", metrics=2)
    start(sink)
    wait_for_commit(kafka, 3)
    assert [len(lines) for lines in sink.attempts] == [4, 2]


def test_a_stopped_worker_finishes_its_write(kafka: FakeKafka, start: Start) -> None:
    sink = FakeSink()
    may_finish = sink.block()
    produce(kafka, "n1")
    worker = start(sink)
    wait_until(lambda: bool(sink.attempts), "a write is in flight", TIMEOUT_S)
    worker.stopped.set()
    may_finish.set()
    worker.stop()
    assert (sink.written, committed(kafka)) == (["n1 m0"], 1)
    assert kafka.consumers[0].closed


def test_a_stopped_worker_abandons_a_write_that_exceeds_the_grace_period(
    kafka: FakeKafka, start: Start, clock: Clock
) -> None:
    sink = FakeSink()

    def fail(_: list[str]) -> None:
        raise UnavailableError("connection refused")

    sink.on_write = fail
    produce(kafka, "n1")
    worker = start(sink)
    wait_until(lambda: bool(kafka.consumers) and bool(kafka.consumers[0].paused), "the worker waits", TIMEOUT_S)
    worker.stopped.set()
    worker.thread.join(0.3)
    assert worker.thread.is_alive(), "within its grace period"
    clock.skipped_s += 3.0
    worker.stop()
    assert (sink.written, committed(kafka)) == ([], None)
    attempts = len(sink.attempts)
    threading.Event().wait(0.1)
    assert len(sink.attempts) <= attempts + 1, "at most the request in flight"


def test_after_a_suspension_during_a_write_the_buffered_records_are_neither_retried_nor_committed(
    kafka: FakeKafka, start: Start, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Meanwhile another worker owns the partition: it has written and committed the record, and newer points."""
    sink = FakeSink()

    def suspend(lines: list[str]) -> None:
        if lines == ["n1 m0"]:
            kafka.commit(GROUP, SOURCE, 0, 1)
            clock.skipped_s += SUSPENDED_S
            raise UnavailableError("connection reset")

    sink.on_write = suspend
    commits: list[dict[int, int]] = []
    kafka.on_commit = commits.append
    produce(kafka, "n1")
    start(sink)
    wait_until(lambda: len(kafka.consumers) == 2, "the worker joins the group again", TIMEOUT_S)
    produce(kafka, "n2")
    wait_for_commit(kafka, 2)
    assert sink.attempts == [["n1 m0"], ["n2 m0"]]
    assert commits == [{0: 2}]
    assert kafka.consumers[0].closed
    (warning,) = [record for record in caplog.records if "suspended" in record.message]
    assert (vars(warning)["sink"], vars(warning)["longest_s"]) == ("fake", MAX_POLL_GAP_S)


@pytest.mark.parametrize("max_points", [pytest.param(1, id="full"), pytest.param(10_000, id="not full")])
def test_after_a_suspension_while_reading_the_records_are_not_written(
    kafka: FakeKafka, start: Start, clock: Clock, monkeypatch: pytest.MonkeyPatch, max_points: int
) -> None:
    """The record comes from the client's queue; another worker has committed it meanwhile."""
    monkeypatch.setattr("writer.pipeline.sink_worker.MAX_POINTS", max_points)
    sink, poll = FakeSink(), FakeConsumer.poll

    def suspended_poll(consumer: FakeConsumer, timeout_s: float) -> FakeMessage | None:
        message = poll(consumer, timeout_s)
        if message is not None and clock.skipped_s == 0:
            clock.skipped_s += SUSPENDED_S
            kafka.commit(GROUP, SOURCE, 0, 1)
        return message

    monkeypatch.setattr(FakeConsumer, "poll", suspended_poll)
    produce(kafka, "n1")
    start(sink)
    wait_until(lambda: len(kafka.consumers) == 2, "the worker joins the group again", TIMEOUT_S)
    produce(kafka, "n2")
    wait_for_commit(kafka, 2)
    assert sink.attempts == [["n2 m0"]]


def test_a_pause_shorter_than_the_session_keeps_the_consumer(kafka: FakeKafka, start: Start, clock: Clock) -> None:
    sink = FakeSink()

    def suspend(_: list[str]) -> None:
        if len(sink.attempts) == 1:
            clock.skipped_s += MAX_POLL_GAP_S - 1.0
            raise UnavailableError("connection reset")

    sink.on_write = suspend
    produce(kafka, "n1")
    start(sink)
    wait_for_commit(kafka, 1)
    assert (sink.attempts, len(kafka.consumers)) == ([["n1 m0"], ["n1 m0"]], 1)


def test_revoked_partitions_are_released_only_when_their_request_has_ended_and_are_not_committed(
    kafka: FakeKafka, start: Start
) -> None:
    sink = FakeSink()
    may_finish = sink.block()
    kafka.assigned = {0, 1}
    produce(kafka, "n1", partition=0)
    produce(kafka, "n2", partition=1)
    start(sink)
    wait_until(lambda: bool(sink.attempts), "a write is in flight", TIMEOUT_S)
    kafka.assigned = {1}
    threading.Event().wait(0.3)
    assert len(kafka.consumers[0].assignment()) == 2, "the revocation waits for the request in flight"
    may_finish.set()
    wait_for_commit(kafka, 1, partition=1)
    assert committed(kafka, 0) is None
    assert len(kafka.consumers[0].assignment()) == 1
    assert sorted(sink.written) == ["n1 m0", "n2 m0"]


def test_a_request_of_a_revoked_partition_is_not_retried(kafka: FakeKafka, start: Start) -> None:
    sink = FakeSink()

    def fail(lines: list[str]) -> None:
        if "n1 m0" in lines:
            raise UnavailableError("connection refused")

    sink.on_write = fail
    kafka.assigned = {0, 1}
    produce(kafka, "n1", partition=0)
    produce(kafka, "n2", partition=1)
    start(sink)
    wait_until(lambda: len(sink.attempts) > 2, "several attempts", TIMEOUT_S)
    kafka.assigned = {1}
    wait_for_commit(kafka, 1, partition=1)
    assert sink.written == ["n2 m0"]
    assert committed(kafka, 0) is None


def test_a_suspension_while_a_revocation_waits_makes_the_worker_join_again(
    kafka: FakeKafka, start: Start, clock: Clock
) -> None:
    sink = FakeSink()
    may_finish = sink.block()
    kafka.assigned = {0, 1}
    produce(kafka, "n1", partition=0)
    produce(kafka, "n2", partition=1)
    start(sink)
    wait_until(lambda: bool(sink.attempts), "a write is in flight", TIMEOUT_S)
    kafka.assigned = {1}
    threading.Event().wait(0.3)  # the revocation waits for the request
    clock.skipped_s += SUSPENDED_S
    threading.Event().wait(0.1)
    kafka.commit(GROUP, SOURCE, 1, 1)
    may_finish.set()
    wait_until(lambda: len(kafka.consumers) == 2, "the worker joins the group again", TIMEOUT_S)
    produce(kafka, "n3", partition=1)
    wait_for_commit(kafka, 2, partition=1)
    assert sorted(sink.attempts[0]) == ["n1 m0", "n2 m0"]
    assert sink.attempts[1:] == [["n3 m0"]]


def test_the_live_config_has_the_topics_and_the_group_of_the_prefix(kafka: FakeKafka) -> None:
    settings = type(kafka.settings())("k:9092", prefix="test.")
    config = WriterConfig.live(settings)
    assert (config.source.name, config.group_prefix) == ("test.derived-metrics", "test.heapster-writer-")
    assert config.dead_letter.name.startswith("test.derived-metrics")


class UnpreparedSink(Sink):
    """A sink whose `prepare` fails a few times."""

    def __init__(self, *failures: UnavailableError) -> None:
        self.failures = list(failures)

    def prepare(self) -> None:
        if self.failures:
            raise self.failures.pop(0)


class NoWait(threading.Event):
    """Never set; notes the timeouts instead of waiting."""

    def __init__(self) -> None:
        super().__init__()
        self.timeouts_s: list[float | None] = []

    def wait(self, timeout: float | None = None) -> bool:
        self.timeouts_s.append(timeout)
        return False


def test_a_sink_that_refuses_the_password_is_logged_before_there_are_points(caplog: pytest.LogCaptureFixture) -> None:
    outage = OutageLog("s")
    with caplog.at_level(logging.INFO):
        prepare_sink(UnpreparedSink(*map(UnavailableError, ("HTTP 401", "HTTP 401"))), outage, NoWait())
    logged = [(record.levelname, vars(record).get("error")) for record in caplog.records]
    assert logged == [("WARNING", "HTTP 401"), ("INFO", None)]
    assert outage.reason is None


def test_preparing_is_retried_every_ten_seconds_or_after_the_retry_after_if_longer() -> None:
    stopped = NoWait()
    failures = (UnavailableError("a"), UnavailableError("b", retry_after_s=3), UnavailableError("c", retry_after_s=60))
    prepare_sink(UnpreparedSink(*failures), OutageLog("s"), stopped)
    assert stopped.timeouts_s == [10, 10, 60]


def test_a_prepared_sink_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        prepare_sink(UnpreparedSink(), OutageLog("s"), NoWait())
    assert caplog.records == []


def test_preparing_ends_when_the_writer_stops() -> None:
    stopped = threading.Event()
    stopped.set()
    prepare_sink(UnpreparedSink(UnavailableError("HTTP 401")), OutageLog("s"), stopped)
