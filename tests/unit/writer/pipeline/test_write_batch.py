import pytest

from schemas.catalogue import EntityType
from schemas.metric_batch import MetricBatch, MetricSet, Version, encode_batch
from writer.lines.render import Rendered
from writer.pipeline.batch_versions import NewestVersions
from writer.pipeline.write_batch import DeadLetter, Record, WriteBatch
from writer.pipeline.write_requests import RecordLines, Refusal


def render(batch: MetricBatch) -> Rendered:
    """Render a short line per metric that identifies the version."""
    names = sorted(name for metric_set in batch.sets for name in metric_set.values)
    return Rendered("".join(f"{name} v{batch.version.nodes}\n" for name in names), len(names), {"not_finite": 1})


def record(
    offset: int, *, entity: str = "n1", nodes: int = 1, partition: int = 0, time_ms: int | None = 60_000
) -> Record:
    """A record with two metrics of a node, or of the group `cluster`."""
    kind: EntityType = "cluster" if entity == "cluster" else "node"
    batch = MetricBatch(
        cluster="c",
        entity=entity,
        window_end_ns=60,
        resolution_ns=60,
        sets=(MetricSet(key=entity, type=kind, labels={}, values={"uptime": 1, "restart_count": 1}),),
        version=Version(nodes, offset),
    )
    return Record("derived-metrics", partition, offset, b"key", encode_batch(batch), time_ms)


def write_batch(*records: Record, max_points: int = 100) -> WriteBatch:
    filled = WriteBatch(render, NewestVersions(), max_points=max_points)
    for each in records:
        filled.add(each)
    return filled


def test_lines_have_the_partition_and_offset_of_their_record() -> None:
    first, second = record(7), record(9, entity="n2", partition=3)
    found = write_batch(first, second)
    (request,) = found.requests()
    text = "restart_count v1\nuptime v1\n"
    assert request == (RecordLines(0, 7, text, 2), RecordLines(3, 9, text, 2))
    refused = found.dead_letters(Refusal(lines, "no") for lines in request)
    assert [dead_letter.record for dead_letter in refused] == [first, second]


def test_refused_lines_of_one_record_are_one_dead_letter_with_the_first_reason() -> None:
    first, second = record(7), record(8, entity="n2")
    lines = RecordLines(0, 7, "a\nb\n", 2)
    refusals = [Refusal(lines, "no"), Refusal(RecordLines(0, 8, "d\n", 1), "nor this"), Refusal(lines, "never")]
    assert write_batch(first, second).dead_letters(refusals) == [
        DeadLetter(first, "no", ("a", "b", "a", "b")),
        DeadLetter(second, "nor this", ("d",)),
    ]


def test_the_committed_offset_is_one_after_the_last_record_of_each_partition() -> None:
    assert write_batch(record(7), record(8, entity="n2"), record(4, entity="n3", partition=2)).offsets == {0: 9, 2: 5}


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        pytest.param(None, "metric_batch: the record has no value", id="no value"),
        pytest.param(b"garbage", "metric_batch: not Avro", id="not Avro"),
        pytest.param(b"\xc3\x01" + b"\0" * 8, "metric_batch: unknown schema fingerprint", id="unknown fingerprint"),
        pytest.param((record(0).value or b"")[:-3], "metric_batch: damaged body", id="cut off"),
    ],
)
def test_an_undecodable_record_is_a_dead_letter_and_the_others_are_written(value: bytes | None, reason: str) -> None:
    bad = Record("derived-metrics", 0, 3, b"key", value, 1)
    found = write_batch(bad, record(4))
    (dead_letter,) = found.dead_letters()
    assert dead_letter == DeadLetter(bad, dead_letter.reason, ())
    assert dead_letter.reason.startswith(reason)
    assert [lines.offset for request in found.requests() for lines in request] == [4]
    assert found.offsets == {0: 5}


def test_only_the_newest_batch_of_a_group_is_written() -> None:
    versions = [record(offset, entity="cluster", nodes=nodes) for offset, nodes in enumerate((1, 3, 2))]
    found = write_batch(*versions)
    assert found.requests() == [(RecordLines(0, 1, "restart_count v3\nuptime v3\n", 2),)]
    assert (found.stale, found.offsets) == (2, {0: 3})


def test_records_of_dropped_partitions_are_removed() -> None:
    bad = Record("derived-metrics", 1, 5, None, b"", 1)
    found = write_batch(record(1), record(2, entity="n2", partition=1), bad)
    found.drop({1})
    assert [lines.partition for request in found.requests() for lines in request] == [0]
    assert (found.offsets, found.dead_letters(), len(found)) == ({0: 2}, [], 1)
    assert found.dead_letters([Refusal(RecordLines(1, 2, "", 0), "no")]) == []


def test_it_is_full_if_another_record_of_the_same_size_exceeds_the_points() -> None:
    assert not write_batch(record(1), max_points=4).full
    assert not write_batch(record(1), record(2, entity="n2"), max_points=6).full
    assert write_batch(record(1), record(2, entity="n2"), max_points=5).full
    assert not write_batch(max_points=1).full


def test_undecodable_bytes_count_towards_the_limit() -> None:
    assert write_batch(Record("t", 0, 1, None, b"x" * (16 * 1024 * 1024), 1)).full


def test_problems_are_counted_and_the_oldest_record_is_known() -> None:
    found = write_batch(
        record(1, time_ms=120_000), record(2, entity="n2", time_ms=60_000), record(3, entity="n3", time_ms=None)
    )
    assert (found.problems, found.oldest_ms) == ({"not_finite": 3}, 60_000)
    assert write_batch().oldest_ms is None
