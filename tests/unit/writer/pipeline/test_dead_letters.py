import uuid

import pytest
from confluent_kafka import KafkaError, KafkaException
from prometheus_client import REGISTRY

from schemas.topics import MAX_RECORD_BYTES
from tests.unit.writer.pipeline.clock import Clock
from tests.unit.writer.pipeline.fake_kafka import FakeKafka, MockBroker
from writer.pipeline.dead_letters import DeadLetterProducer
from writer.pipeline.write_batch import DeadLetter, Record

TIMEOUT_S = 20.0
RECORD = Record("derived-metrics", 3, 7, b"key", b"value", 60_000)
UNDECODABLE = DeadLetter(RECORD, "not Avro")
REFUSED = DeadLetter(RECORD, "field type conflict", ("a 1", "b é"))
UNREACHABLE = KafkaError(KafkaError._TRANSPORT, "connection refused")
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE, "message size too large")


@pytest.fixture
def topic() -> str:
    return f"dead-letters-{uuid.uuid4().hex}"


def new_producer(kafka: FakeKafka | MockBroker, topic: str) -> DeadLetterProducer:
    return DeadLetterProducer(kafka.settings(), topic, "s")


def test_a_dead_letter_is_the_record_with_headers_that_name_its_origin(
    any_kafka: FakeKafka | MockBroker, topic: str
) -> None:
    producer = new_producer(any_kafka, topic)
    producer.send([UNDECODABLE])
    assert producer.all_acknowledged(TIMEOUT_S)
    (message,) = any_kafka.messages(topic)
    assert (message.key(), message.value()) == (b"key", b"value")
    headers = dict(message.headers())
    assert headers.pop("rejected-at").endswith(b"Z")
    assert headers == {
        "reason": b"not Avro",
        "topic": b"derived-metrics",
        "partition": b"3",
        "offset": b"7",
        "rejected-by": b"writer",
        "sink": b"s",
    }


def test_refused_lines_are_in_the_headers(any_kafka: FakeKafka | MockBroker, topic: str) -> None:
    producer = new_producer(any_kafka, topic)
    producer.send([REFUSED])
    assert producer.all_acknowledged(TIMEOUT_S)
    (message,) = any_kafka.messages(topic)
    headers = dict(message.headers())
    assert (headers["refused-count"], headers["refused-lines"].decode()) == (b"2", "a 1\nb é\n")


def test_a_record_too_large_for_the_producer_is_sent_without_its_value(
    any_kafka: FakeKafka | MockBroker, topic: str
) -> None:
    length = MAX_RECORD_BYTES + 1024 * 1024
    producer = new_producer(any_kafka, topic)
    producer.send([DeadLetter(RECORD._replace(value=bytes(length)), "not Avro")])
    assert producer.all_acknowledged(TIMEOUT_S)
    (message,) = any_kafka.messages(topic)
    assert (message.key(), message.value()) == (b"key", None)
    assert dict(message.headers())["left-out-bytes"] == str(length).encode()


def test_a_record_too_large_for_the_broker_is_sent_without_its_value(kafka: FakeKafka, topic: str) -> None:
    kafka.delivery_errors.append(TOO_LARGE)
    producer = new_producer(kafka, topic)
    producer.send([UNDECODABLE])
    assert producer.all_acknowledged(TIMEOUT_S)
    (message,) = kafka.messages(topic)
    assert message.value() is None
    assert dict(message.headers() or ())["left-out-bytes"] == b"5"


def test_a_record_without_a_value_stays_one(kafka: FakeKafka, topic: str) -> None:
    producer = new_producer(kafka, topic)
    producer.send([DeadLetter(RECORD._replace(value=None), "empty")])
    assert producer.all_acknowledged(TIMEOUT_S)
    (message,) = kafka.messages(topic)
    assert message.value() is None
    assert "left-out-bytes" not in dict(message.headers() or ())


def test_refused_lines_beyond_64_kib_are_counted_but_not_sent(kafka: FakeKafka, topic: str) -> None:
    line = "x" * 1023
    producer = new_producer(kafka, topic)
    producer.send([DeadLetter(RECORD, "no", (line,) * 100)])
    assert producer.all_acknowledged(TIMEOUT_S)
    headers = dict(kafka.messages(topic)[0].headers() or ())
    assert headers["refused-count"] == b"100"
    assert headers["refused-lines"].decode() == f"{line}\n" * 64


def test_nothing_sent_is_acknowledged_at_once(kafka: FakeKafka, topic: str) -> None:
    kafka.is_acknowledging = False
    assert new_producer(kafka, topic).all_acknowledged(0)


def test_dead_letters_are_acknowledged_only_when_kafka_has_all_of_them(kafka: FakeKafka, topic: str) -> None:
    kafka.is_acknowledging = False
    producer = new_producer(kafka, topic)
    producer.send([UNDECODABLE, REFUSED])
    assert not producer.all_acknowledged(0.03)
    kafka.is_acknowledging = True
    assert producer.all_acknowledged(TIMEOUT_S)
    assert len(kafka.messages(topic)) == 2


def test_a_failed_delivery_is_logged_and_retried_after_a_second(
    kafka: FakeKafka, topic: str, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    kafka.delivery_errors.append(UNREACHABLE)
    producer = new_producer(kafka, topic)
    producer.send([UNDECODABLE])
    caplog.clear()
    assert not producer.all_acknowledged(0.1)
    assert kafka.messages(topic) == []
    (record,) = caplog.records
    assert (record.levelname, vars(record)["error"], vars(record)["offset"]) == ("ERROR", "connection refused", 7)
    clock.skipped_s = 1.0
    assert producer.all_acknowledged(TIMEOUT_S)
    assert [message.value() for message in kafka.messages(topic)] == [b"value"]


def test_any_other_error_of_the_producer_is_raised(
    kafka: FakeKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise KafkaException(UNREACHABLE)

    producer = new_producer(kafka, topic)
    monkeypatch.setattr(kafka.producers[0], "produce", fail)
    with pytest.raises(KafkaException, match="connection refused"):
        producer.send([UNDECODABLE])


def test_dead_letters_are_logged_and_counted_by_reason(
    kafka: FakeKafka, topic: str, caplog: pytest.LogCaptureFixture
) -> None:
    def count(reason: str) -> float:
        labels = {"sink": topic, "reason": reason}
        return REGISTRY.get_sample_value("heapster_writer_dead_letters_total", labels) or 0.0

    DeadLetterProducer(kafka.settings(), topic, topic).send([UNDECODABLE, REFUSED, REFUSED])
    assert (count("undecodable"), count("refused")) == (1, 2)
    logged = [vars(record) for record in caplog.records]
    assert [(each["reason"], each["lines"]) for each in logged] == [
        ("not Avro", 0),
        ("field type conflict", 2),
        ("field type conflict", 2),
    ]
    assert (logged[0]["sink"], logged[0]["topic"], logged[0]["partition"], logged[0]["offset"]) == (
        topic,
        "derived-metrics",
        3,
        7,
    )
