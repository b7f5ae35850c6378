import io
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

import fastavro
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import BY_NAME, GROUP_METRICS, METRICS, RATED_COUNTERS
from schemas.codec import MARKER, Codec, ParsedVersion, UndecodableError
from schemas.group_sum import (
    GroupSum,
    SourceProgress,
    decode_group_record,
    decode_group_sum,
    encode_group_sum,
    encode_progress,
)
from schemas.metric_batch import CODEC, LabeledValues, MetricBatch, MetricSet, Version, decode_batch, encode_batch
from schemas.node_sample import CODEC as SAMPLE_CODEC
from schemas.node_sample import Contribution, EntitySample, NodeSample, decode_sample, encode_sample
from schemas.node_scrape import CODEC as SCRAPE_CODEC
from schemas.node_scrape import (
    ApiContainer,
    ApiNamespace,
    ApiPod,
    ApiWorkload,
    NodeScrape,
    decode_scrape,
    encode_scrape,
)

BATCH = MetricBatch(
    cluster="c",
    entity="n1",
    window_end_ns=120,
    resolution_ns=60,
    version=Version(1, 7),
    sets=(
        MetricSet(
            key="node:n1",
            type="node",
            labels={"type": "node", "nodename": "n1"},
            values={"uptime": 5, "cpu/node_capacity": 4000.0, "custom/a": 0.5, "example.com/fpga/request": 2},
            labeled=(LabeledValues({"resource_id": "/"}, {"filesystem/usage": 2**63 - 1}),),
            collection_start_ns=1,
            scrape_ns=3,
        ),
    ),
)
VERSION_1 = bytes.fromhex(
    "c3018e1e10db420b78560263046e31f001780202020e020e6e6f64653a6e3104040874797065086e6f6465106e6f64656e61"
    "6d65046e31000202000206026600020a00020c0002000000000040af400002306578616d706c652e636f6d2f667067612f72"
    "65717565737404000210637573746f6d2f61000000000000e03f000202167265736f757263655f6964022f0002400002feff"
    "ffffffffffffff0100000000000000"
)

longs = st.integers(-(2**63), 2**63 - 1)
counts = st.integers(0, 2**63 - 1)
texts = st.text(max_size=20)
labels = st.dictionaries(texts, texts, max_size=4)
ints = st.dictionaries(
    st.sampled_from([metric.name for metric in METRICS if metric.value == "int"]) | texts.map("custom/x/".__add__),
    longs,
    max_size=5,
)
floats = st.dictionaries(
    st.sampled_from([metric.name for metric in METRICS if metric.value == "float"]) | texts.map("custom/y/".__add__),
    st.floats(allow_nan=False),
    max_size=5,
)
values = st.builds(lambda left, right: {**left, **right}, ints, floats)

containers = st.builds(ApiContainer, name=texts, image=texts, requests=labels, limits=labels)
pods = st.builds(
    ApiPod,
    namespace=texts,
    name=texts,
    uid=texts,
    node=texts,
    phase=texts,
    start_time_ns=st.none() | longs,
    owner_kind=texts,
    owner_name=texts,
    labels=labels,
    restarts=st.dictionaries(texts, counts, max_size=3),
    containers=st.lists(containers, max_size=2).map(tuple),
)
scrapes = st.builds(
    NodeScrape,
    cluster=texts,
    node=texts,
    window_end_ns=longs,
    resolution_ns=counts,
    scraped_at_ns=longs,
    duration_ns=counts,
    clock_offset_ns=st.none() | longs,
    document=st.none() | st.binary(max_size=50),
    error=st.none() | texts,
    cluster_nodes=counts,
    hostname=texts,
    labels=labels,
    capacity=labels,
    allocatable=labels,
    pods=st.lists(pods, max_size=2).map(tuple),
    namespaces=st.lists(st.builds(ApiNamespace, name=texts, uid=texts, nodes=counts, labels=labels), max_size=2).map(
        tuple
    ),
    cadvisor=st.none() | st.binary(max_size=50),
    cadvisor_error=st.none() | texts,
    workloads=st.lists(st.builds(ApiWorkload, namespace=texts, kind=texts, name=texts, nodes=counts), max_size=2).map(
        tuple
    ),
)
sets = st.builds(
    MetricSet,
    key=texts,
    type=st.sampled_from(["cluster", "ns", "node", "pod", "pod_container", "sys_container", "workload"]),
    labels=labels,
    values=values,
    labeled=st.lists(st.builds(LabeledValues, labels, values), max_size=2).map(tuple),
    collection_start_ns=st.none() | longs,
    entity_create_ns=st.none() | longs,
    scrape_ns=st.none() | longs,
)
batches = st.builds(
    MetricBatch,
    cluster=texts,
    entity=texts,
    window_end_ns=longs,
    resolution_ns=counts,
    sets=st.lists(sets, max_size=3).map(tuple),
    version=st.builds(Version, counts, counts),
    nodes_counted=counts,
    nodes_expected=counts,
    object_labels=st.dictionaries(texts, labels, max_size=3),
)
sums = st.tuples(*[st.none() | longs] * len(GROUP_METRICS))
group_sums = st.builds(
    GroupSum,
    cluster=texts,
    group=texts,
    window_end_ns=longs,
    resolution_ns=counts,
    source_partition=st.integers(0, 1000),
    source_offset=counts,
    sums=sums,
    nodes=counts,
    nodes_expected=counts,
    namespace_id=texts,
)
entities = st.builds(
    EntitySample,
    texts,
    longs,
    st.none() | longs,
    st.dictionaries(st.sampled_from(sorted(RATED_COUNTERS)), counts, max_size=4),
)
samples = st.builds(
    NodeSample,
    cluster=texts,
    node=texts,
    window_end_ns=longs,
    resolution_ns=counts,
    offset=counts,
    contributions=st.lists(
        st.builds(Contribution, group=texts, sums=sums, nodes_expected=counts, namespace_id=texts), max_size=3
    ).map(tuple),
    entities=st.lists(entities, max_size=3).map(lambda found: {each.key: each for each in found}),
    disks=st.lists(st.tuples(texts, entities), max_size=3).map(
        lambda found: {(each.key, resource_id): each for resource_id, each in found}
    ),
)


@given(scrapes)
def test_a_scrape_is_decoded_as_it_was_encoded(scrape: NodeScrape) -> None:
    assert decode_scrape(encode_scrape(scrape)) == scrape


@given(scrapes, st.integers(0, 70))
def test_pods_encoded_one_by_one_equal_the_encoded_array(scrape: NodeScrape, times: int) -> None:
    many = replace(scrape, pods=scrape.pods * times)
    for _ in range(2):
        assert encode_scrape(many) == SCRAPE_CODEC.encode(asdict(many))


@given(pods)
def test_a_changed_pod_is_encoded_again(pod: ApiPod) -> None:
    before = pod.encoded()
    assert pod.encoded() is before
    assert replace(pod, phase=pod.phase + "x").encoded() != before


@given(batches)
def test_a_batch_is_decoded_as_it_was_encoded_with_the_type_of_every_value(batch: MetricBatch) -> None:
    found = decode_batch(encode_batch(batch))
    assert found == batch
    assert _types(found) == _types(batch)


@given(st.binary(max_size=60), st.integers(0, 400))
def test_a_damaged_batch_is_decoded_or_raises_undecodable(noise: bytes, at: int) -> None:
    data = encode_batch(BATCH)
    with suppress(UndecodableError):
        decode_batch(data[:at] + noise + data[at + len(noise) :])


@pytest.mark.parametrize("column", ["rows", "texts", "ints", "floats"])
def test_a_batch_whose_columns_do_not_fit_is_undecodable(column: str) -> None:
    record = CODEC.decode(encode_batch(BATCH))
    record[column] = record[column][:-8]  # type: ignore[index]
    with pytest.raises(UndecodableError, match="do not fit"):
        decode_batch(CODEC.encode(record))


def test_a_batch_of_version_1_is_still_read() -> None:
    """Bytes that the first release wrote."""
    assert decode_batch(VERSION_1) == BATCH


@given(batches)
def test_a_batch_of_version_3_has_no_object_labels(batch: MetricBatch) -> None:
    assert decode_batch(rewritten("metric_batch", 3, encode_batch(batch))) == replace(batch, object_labels={})


def test_metrics_of_a_newer_catalogue_are_left_out() -> None:
    record = CODEC.decode(encode_batch(BATCH))
    shape = record["shapes"][1]  # type: ignore[index]
    shape["ints"] = [9999, *shape["ints"][1:]]
    found = decode_batch(CODEC.encode(record)).sets[0].values
    assert found == {name: value for name, value in BATCH.sets[0].values.items() if name != "uptime"}


@given(group_sums)
def test_a_total_is_decoded_as_it_was_encoded(total: GroupSum) -> None:
    assert decode_group_sum(encode_group_sum(total)) == total
    assert decode_group_record(encode_group_sum(total)) == total


@given(samples)
def test_a_sample_is_decoded_as_it_was_encoded(sample: NodeSample) -> None:
    assert decode_sample(encode_sample(sample)) == sample


@given(scrapes)
def test_a_scrape_of_version_1_has_defaults_for_later_fields(scrape: NodeScrape) -> None:
    written = rewritten("node_scrape", 1, encode_scrape(scrape))
    assert decode_scrape(written) == replace(scrape, cadvisor=None, cadvisor_error=None, workloads=())


@pytest.mark.parametrize(
    ("version", "defaults"), [(1, {"disks": {}, "reached_ns": None}), (2, {"disks": {}}), (3, {})], ids=["1", "2", "3"]
)
@given(sample=samples)
def test_a_sample_without_columns_has_defaults_for_later_fields(
    version: int, defaults: dict[str, Any], sample: NodeSample
) -> None:
    assert decode_sample(written_as("node_sample", version, without_columns(sample))) == replace(sample, **defaults)


@pytest.mark.parametrize("column", ["rows", "texts", "numbers"])
def test_a_sample_whose_columns_do_not_fit_is_undecodable(column: str) -> None:
    sample = NodeSample(
        cluster="c",
        node="n",
        window_end_ns=60,
        resolution_ns=60,
        offset=1,
        contributions=(),
        entities={"node:n": EntitySample("node:n", 50, 10, {"cpu/usage": 7})},
    )
    record: dict[str, Any] = SAMPLE_CODEC.decode(encode_sample(sample))
    record[column] = record[column][:-8]
    with pytest.raises(UndecodableError, match="do not fit"):
        decode_sample(SAMPLE_CODEC.encode(record))


def without_columns(sample: NodeSample) -> dict[str, Any]:
    """The record in the format of versions 1 to 3."""
    return {
        **{name: getattr(sample, name) for name in ("cluster", "node", "window_end_ns", "resolution_ns", "offset")},
        "reached_ns": sample.reached_ns,
        "contributions": [asdict(each) for each in sample.contributions],
        "entities": [entity_without_columns(entity) for entity in sample.entities.values()],
        "disks": [
            {**entity_without_columns(disk), "resource_id": resource_id}
            for (_, resource_id), disk in sample.disks.items()
        ],
    }


def entity_without_columns(entity: EntitySample) -> dict[str, Any]:
    return {
        "key": entity.key,
        "scrape_ns": entity.scrape_ns,
        "start_ns": entity.start_ns,
        "metrics": [BY_NAME[name].number for name in entity.counters],
        "counters": list(entity.counters.values()),
    }


def rewritten(name: str, number: int, data: bytes) -> bytes:
    """The same record, written with that version."""
    return written_as(name, number, Codec(name).decode(data))


def written_as(name: str, number: int, record: dict[str, Any]) -> bytes:
    version, out = ParsedVersion.read(name, number), io.BytesIO()
    fastavro.schemaless_writer(out, version.schema, record)
    return MARKER + version.fingerprint + out.getvalue()


def test_progress_and_totals_share_a_topic() -> None:
    progress = SourceProgress(source_partition=3, position=7, watermark_ns=None, idle=True)
    assert decode_group_record(encode_progress(progress)) == progress


def _types(batch: MetricBatch) -> list[dict[str, type]]:
    return [
        {name: type(value) for name, value in found.items()}
        for metric_set in batch.sets
        for found in (metric_set.values, *(labeled.values for labeled in metric_set.labeled))
    ]
