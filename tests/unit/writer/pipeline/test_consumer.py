import time
import uuid
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager

import pytest
from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, KafkaError, KafkaException

from tests.unit.writer.pipeline.fake_kafka import PARTITIONS, FakeKafka, MockBroker
from tests.waiting import wait_until
from writer.pipeline.consumer import RecordConsumer
from writer.pipeline.write_batch import Record

UNREACHABLE = KafkaError(KafkaError._TRANSPORT, "connection refused")


@pytest.fixture
def topic() -> str:
    """The name of a topic, and of the consumer group of the test."""
    return f"derived-metrics-{uuid.uuid4().hex}"


@contextmanager
def joined(
    kafka: FakeKafka | MockBroker, topic: str, revoked: list[AbstractSet[int]] | None = None
) -> Iterator[RecordConsumer]:
    """A consumer that has its partitions."""
    on_revoked = (lambda _: None) if revoked is None else revoked.append
    with RecordConsumer(kafka.settings(), topic, topic, on_revoked) as consumer:
        wait_until(lambda: consumer.poll_paused() is None and bool(consumer.partitions), "partitions are assigned", 30)
        yield consumer


def values(consumer: RecordConsumer, count: int) -> list[bytes | None]:
    """The values of the next records."""
    found: list[bytes | None] = []
    ends_at = time.monotonic() + 30
    while len(found) < count and time.monotonic() < ends_at:
        record = consumer.poll(0.1)
        found += [] if record is None else [record.value]
    return found


def test_records_arrive_in_order_and_not_while_paused(any_kafka: FakeKafka | MockBroker, topic: str) -> None:
    any_kafka.produce(topic, b"0", partition=1, key=b"k")
    any_kafka.produce(topic, b"1", partition=1, key=b"k")
    with joined(any_kafka, topic) as consumer:
        assert consumer.partitions == set(range(PARTITIONS))
        first = consumer.poll(10)
        assert first is not None
        assert first == Record(topic, 1, 0, b"k", b"0", first.time_ms)
        assert abs((first.time_ms or 0) - time.time() * 1000) < 3600_000 or isinstance(any_kafka, FakeKafka)
        assert values(consumer, 1) == [b"1"]
        assert consumer.lag() == 0
        consumer.pause()
        any_kafka.produce(topic, b"2", partition=1)
        for _ in range(5):
            consumer.poll_paused()
            assert consumer.poll(0.05) is None
        assert consumer.partitions == set(range(PARTITIONS))
        consumer.resume()
        assert values(consumer, 1) == [b"2"]


def test_a_group_continues_at_its_committed_offset(any_kafka: FakeKafka | MockBroker, topic: str) -> None:
    for value in (b"0", b"1", b"2"):
        any_kafka.produce(topic, value, partition=1)
    any_kafka.commit(topic, topic, 1, 1)
    with joined(any_kafka, topic) as consumer:
        assert values(consumer, 2) == [b"1", b"2"]
        consumer.commit({1: 2})
    assert any_kafka.committed_offset(topic, topic, 1) == 2
    assert any_kafka.committed_offset(topic, topic, 0) is None


def test_a_record_that_arrives_while_paused_is_returned_by_the_next_poll(kafka: FakeKafka, topic: str) -> None:
    with joined(kafka, topic) as consumer:
        consumer.pause()
        kafka.ignores_pause = True
        for value in (b"0", b"1"):
            kafka.produce(topic, value)
            consumer.poll_paused()
        consumer.resume()
        kafka.produce(topic, b"2")
        assert values(consumer, 3) == [b"0", b"1", b"2"]


def test_a_record_that_arrived_while_paused_is_dropped_with_its_revoked_partition(kafka: FakeKafka, topic: str) -> None:
    kafka.assigned = {0, 1}
    with joined(kafka, topic) as consumer:
        consumer.pause()
        kafka.ignores_pause = True
        kafka.produce(topic, b"revoked", partition=0)
        consumer.poll_paused()
        kafka.produce(topic, b"kept", partition=1)
        consumer.poll_paused()
        kafka.assigned = {1}
        consumer.poll_paused()
        consumer.resume()
        assert values(consumer, 1) == [b"kept"]
        assert consumer.poll(0) is None


def test_partitions_assigned_while_paused_are_paused_too(kafka: FakeKafka, topic: str) -> None:
    kafka.assigned = {0}
    with joined(kafka, topic) as consumer:
        consumer.pause()
        kafka.assigned = {0, 1}
        consumer.poll_paused()
        assert kafka.consumers[0].paused == {0, 1}
        consumer.resume()
        assert kafka.consumers[0].paused == set()
        kafka.assigned = {0, 1, 2}
        consumer.poll_paused()
        assert kafka.consumers[0].paused == set()


def test_a_rebalance_changes_the_partitions_and_reports_the_revoked_ones(
    kafka: FakeKafka, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "writer")
    revoked: list[AbstractSet[int]] = []
    kafka.assigned = {0, 1}
    with joined(kafka, topic, revoked) as consumer:
        kafka.assigned = {1, 2}
        assert consumer.poll(0) is None
        assert (consumer.partitions, revoked) == ({1, 2}, [{0}])
    assert revoked == [{0}, {1, 2}]
    assert [(record.message, vars(record)["partitions"]) for record in caplog.records] == [
        ("partitions assigned", [0, 1]),
        ("partitions revoked", [0]),
        ("partitions assigned", [2]),
        ("partitions revoked", [1, 2]),
    ]


def test_the_consumer_leaves_the_group_at_the_end_of_the_block(kafka: FakeKafka, topic: str) -> None:
    with joined(kafka, topic):
        assert not kafka.consumers[0].closed
    assert kafka.consumers[0].closed


def test_a_temporary_error_is_logged_and_the_next_poll_returns_the_record(
    kafka: FakeKafka, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    with joined(kafka, topic) as consumer:
        kafka.produce(topic, b"0")
        kafka.errors.append(UNREACHABLE)
        assert consumer.poll(0) is None
        warnings = [record for record in caplog.records if record.levelname == "WARNING"]
        assert [vars(record)["error"] for record in warnings] == ["connection refused"]
        assert values(consumer, 1) == [b"0"]


def test_a_fatal_error_is_raised(kafka: FakeKafka, topic: str) -> None:
    with joined(kafka, topic) as consumer:
        kafka.errors.append(KafkaError(KafkaError._FATAL, "fenced", fatal=True))
        with pytest.raises(KafkaException, match="fenced"):
            consumer.poll(0)


def test_a_failed_commit_is_logged_with_its_offsets(
    kafka: FakeKafka, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.commit_error = UNREACHABLE
    with joined(kafka, topic) as consumer:
        consumer.commit({1: 7})
    (record,) = (record for record in caplog.records if record.levelname == "WARNING")
    assert (vars(record)["error"], vars(record)["offsets"]) == ("connection refused", {1: 7})


def test_no_offsets_are_not_committed(kafka: FakeKafka, topic: str) -> None:
    commits: list[dict[int, int]] = []
    kafka.on_commit = commits.append
    with joined(kafka, topic) as consumer:
        consumer.commit({})
    assert commits == []


@pytest.mark.parametrize(
    ("committed", "low_watermark", "lag"),
    [
        pytest.param(None, 0, 5, id="nothing committed: all records"),
        pytest.param(3, 0, 2, id="from the committed offset"),
        pytest.param(5, 0, 0, id="all committed"),
        pytest.param(1, 2, 3, id="records removed by retention do not count"),
    ],
)
def test_lag_before_the_first_record_is_polled(
    kafka: FakeKafka, topic: str, committed: int | None, low_watermark: int, lag: int
) -> None:
    kafka.low_watermark = low_watermark
    for _ in range(5):
        kafka.produce(topic, b"")
    if committed is not None:
        kafka.committed[topic, topic, 0] = committed
    with RecordConsumer(kafka.settings(), topic, topic, lambda _: None) as consumer:
        kafka.errors.append(UNREACHABLE)  # the poll that assigns the partitions returns no record
        assert consumer.poll(0) is None
        assert consumer.lag() == lag


def test_lag_is_the_sum_over_the_partitions(kafka: FakeKafka, topic: str) -> None:
    for partition in (0, 0, 0, 1, 1):
        kafka.produce(topic, b"", partition=partition)
    with RecordConsumer(kafka.settings(), topic, topic, lambda _: None) as consumer:
        lags: list[int] = []
        for _ in range(5):
            assert consumer.poll(0) is not None
            lags.append(consumer.lag())
    assert lags == [4, 3, 2, 1, 0]


def test_lag_is_zero_while_kafka_does_not_return_offsets(kafka: FakeKafka, topic: str) -> None:
    kafka.produce(topic, b"0")
    kafka.offsets_error = UNREACHABLE
    with RecordConsumer(kafka.settings(), topic, topic, lambda _: None) as consumer:
        record = consumer.poll(0)
        assert record is not None
        assert record.value == b"0"
        assert consumer.lag() == 0


def test_a_record_without_a_timestamp_has_no_time(kafka: FakeKafka, topic: str) -> None:
    kafka.produce(topic, b"0", timestamp=(TIMESTAMP_NOT_AVAILABLE, -1))
    with RecordConsumer(kafka.settings(), topic, topic, lambda _: None) as consumer:
        record = consumer.poll(0)
    assert record == Record(topic, 0, 0, None, b"0", None)


def test_offsets_are_committed_only_by_commit(kafka: FakeKafka, topic: str) -> None:
    with joined(kafka, topic):
        settings = kafka.consumers[0].settings
    assert (settings["enable.auto.commit"], settings["partition.assignment.strategy"]) == (False, "cooperative-sticky")
