"""Dead letters of the writer against a real Kafka and InfluxDB."""

from typing import Any

import requests
from confluent_kafka import Producer

from runtime.kafka import KafkaSettings, producer_settings
from schemas.metric_batch import encode_batch
from tests.integration.writer_pipeline import (
    FIRST_WINDOW_NS,
    FLUSH_TIMEOUT_S,
    StartWriter,
    WriterPipeline,
    batch,
    influxdb_sink,
    influxql,
    points_in,
    points_of,
)
from tests.waiting import wait_until


def test_only_the_conflicting_point_becomes_a_dead_letter(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    influxql(influxdb, f'CREATE DATABASE "{influx_database}" WITH NAME "default"')
    response = requests.post(
        f"{influxdb.url}/write?db={influx_database}&rp=default",
        data=f"custom/qps,other=series value=1i {FIRST_WINDOW_NS}",
        auth=(influxdb.user, influxdb.password),
        timeout=30,
    )
    assert response.status_code == 204
    bad = batch("n7", values={"custom/qps": 1.5, "uptime": 3})
    good = [batch(f"n{number}") for number in range(5)]
    writer_pipeline.send(*good[:3], bad, *good[3:])
    writer = start_writer(influxdb_sink(influxdb, influx_database))
    (dead_letter,) = writer_pipeline.dead_letters(1)
    assert (dead_letter.key, dead_letter.value) == (b"testing/n7", encode_batch(bad))
    assert dead_letter.headers["refused-count"] == "1"
    assert dead_letter.headers["refused-lines"] == (
        r"custom/qps,cluster_name=testing,labels=zone:a\ b\,disk\=x,nodename=n7,type=node value=1.5"
        f" {FIRST_WINDOW_NS}\n"
    )
    assert "field type conflict" in dead_letter.headers["reason"]
    assert dead_letter.headers["topic"] == writer_pipeline.source.name
    assert {"partition", "offset", "rejected-at", "rejected-by", "sink"} <= dead_letter.headers.keys()
    expected = {point for point in points_of([*good, bad]) if point.measurement != "custom/qps"}
    wait_until(lambda: writer_pipeline.committed(writer.logged("writing")[0]["sink"]) == 6, "all records are committed")
    found = {point for point in points_in(influxdb, influx_database) if point.measurement != "custom/qps"}
    assert found == expected


def test_only_the_conflicting_field_of_a_line_is_not_written(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    influxql(influxdb, f'CREATE DATABASE "{influx_database}" WITH NAME "default"')
    response = requests.post(
        f"{influxdb.url}/write?db={influx_database}&rp=default",
        data=f"custom,other=series qps=1i {FIRST_WINDOW_NS}",
        auth=(influxdb.user, influxdb.password),
        timeout=30,
    )
    assert response.status_code == 204
    bad = batch("n7", values={"custom/length": 2, "custom/qps": 1.5, "custom/wait": 0.5, "uptime": 3})
    good = [batch(f"n{number}") for number in range(5)]
    writer_pipeline.send(*good[:3], bad, *good[3:])
    writer = start_writer(influxdb_sink(influxdb, influx_database, "&withfields=true"))
    (dead_letter,) = writer_pipeline.dead_letters(1)
    assert dead_letter.headers["refused-lines"] == (
        r"custom,cluster_name=testing,labels=zone:a\ b\,disk\=x,nodename=n7,type=node qps=1.5"
        f" {FIRST_WINDOW_NS}\n"
    )
    expected = {point for point in points_of([*good, bad], with_fields=True) if point.field != "qps"}
    wait_until(lambda: writer_pipeline.committed(writer.logged("writing")[0]["sink"]) == 6, "all records are committed")
    found = {point for point in points_in(influxdb, influx_database) if point.field != "qps"}
    assert found == expected


def test_undecodable_records_are_dead_letters_and_the_others_are_written(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    undecodable = [b"not Avro", b"\xc3\x01" + b"\x07" * 8 + b"x", encode_batch(batch("n0"))[:-4]]
    for value in undecodable:
        writer_pipeline.send_bytes(b"key", value)
    good = [batch("n1"), batch("n2")]
    writer_pipeline.send(*good)
    start_writer(influxdb_sink(influxdb, influx_database))
    wait_until(lambda: points_in(influxdb, influx_database) == points_of(good), "the points of the valid records")
    dead_letters = writer_pipeline.dead_letters(3)
    assert [(each.key, each.value) for each in dead_letters] == [(b"key", value) for value in undecodable]
    assert "not Avro" in dead_letters[0].headers["reason"]
    assert "fingerprint" in dead_letters[1].headers["reason"]
    assert [each.headers["offset"] for each in dead_letters] == ["0", "1", "2"]


def test_a_record_too_large_for_the_dead_letter_topic_is_sent_without_its_value(
    writer_pipeline: WriterPipeline, start_writer: StartWriter, influxdb: Any, influx_database: str
) -> None:
    length = 20 * 1024 * 1024  # Kafka's limit applies to the compressed size
    settings = producer_settings(KafkaSettings(writer_pipeline.brokers), "test") | {"message.max.bytes": 2 * length}
    producer = Producer(settings)
    producer.produce(writer_pipeline.source.name, key=b"large", value=bytes(length))
    assert producer.flush(FLUSH_TIMEOUT_S) == 0
    writer_pipeline.send(batch("n1"))
    start_writer(influxdb_sink(influxdb, influx_database))
    (dead_letter,) = writer_pipeline.dead_letters(1)
    assert (dead_letter.key, dead_letter.value, dead_letter.headers["left-out-bytes"]) == (b"large", None, str(length))
    wait_until(lambda: points_in(influxdb, influx_database) == points_of([batch("n1")]), "the point of the next record")
