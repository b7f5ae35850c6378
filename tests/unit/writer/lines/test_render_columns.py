"""`render_columns` (the fast path) and `render_sets` render the same lines, for every schema and option."""

from itertools import product

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.catalogue import BY_NAME, EntityType, Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version, decode_batch, encode_batch
from schemas.rows import columns_from_sets
from writer.lines.point_schema import PointSchema, Rendered
from writer.lines.render import render, render_sets
from writer.lines.render_columns import render_columns

T = 1502621460000000000
TYPES: st.SearchStrategy[EntityType] = st.sampled_from(
    ["cluster", "ns", "node", "pod", "pod_container", "sys_container", "workload"]
)
LABEL_NAMES = st.sampled_from(
    ["type", "namespace_name", "namespace_id", "pod_id", "pod_namespace", "hostname", "resource_id", "cluster_name"]
)
CUSTOM_METRICS = st.sampled_from(["custom/qps", "custom/5 %d", "custom/a,b=c", "queue", "a/b/c", 'custom/"x"'])
METRICS = st.sampled_from(sorted(BY_NAME)) | CUSTOM_METRICS
INTS = st.integers(-(2**63), 2**63 - 1) | st.integers(2**53 - 2, 2**53 + 2) | st.integers(2**53 + 1, 2**63 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
# one line, no backslash at the end and none of the characters that the templates use as placeholders
PLAIN_TEXT = st.text(alphabet='ab ,=%"\\日é\r', max_size=6).filter(lambda text: not text.endswith("\\"))
PLAIN_NAME = PLAIN_TEXT.filter(bool)
ANY_TEXT = st.text(alphabet='a ,=%"\\\n\0\1日', max_size=6) | st.text(max_size=6)


def metric_sets(
    labels: st.SearchStrategy[dict[str, str]], values: st.SearchStrategy[dict[str, Number]]
) -> st.SearchStrategy[tuple[MetricSet, ...]]:
    metric_set = st.builds(
        MetricSet,
        key=PLAIN_TEXT,
        type=TYPES,
        labels=labels,
        values=values,
        labeled=st.lists(st.builds(LabeledValues, labels, values), max_size=3).map(tuple),
        collection_start_ns=st.none() | INTS,
        entity_create_ns=st.none() | INTS,
        scrape_ns=st.none() | INTS,
    )
    return st.lists(metric_set, max_size=4).map(tuple)


PLAIN_SETS = metric_sets(
    st.dictionaries(LABEL_NAMES | PLAIN_NAME, PLAIN_TEXT, max_size=5),
    st.dictionaries(METRICS | PLAIN_NAME.filter(lambda name: "\\" not in name), INTS | FLOATS, max_size=8),
)
ANY_SETS = metric_sets(
    st.dictionaries(LABEL_NAMES | ANY_TEXT, ANY_TEXT, max_size=5),
    st.dictionaries(METRICS | ANY_TEXT, INTS | st.floats(), max_size=8),
)
SCHEMAS = [
    PointSchema(with_fields=with_fields, counters_with_rates=counters, tag_set=tag_set, cluster_name=cluster)
    for with_fields, counters, tag_set, cluster in product(
        (False, True), (False, True), ("1.3", "1.5"), (None, "", "c 1,=%")
    )
]


def decoded(sets: tuple[MetricSet, ...], cluster: str = "c") -> MetricBatch:
    """The batch as the writer reads it from Kafka."""
    batch = MetricBatch(cluster=cluster, entity="n", window_end_ns=T, resolution_ns=1, sets=sets, version=Version(1, 0))
    return decode_batch(encode_batch(batch))


def fast_path(batch: MetricBatch, schema: PointSchema) -> Rendered | None:
    cluster = batch.cluster if schema.cluster_name is None else schema.cluster_name
    return render_columns(columns_from_sets(batch.sets), batch.window_end_ns, cluster, schema)


@pytest.mark.parametrize("schema", SCHEMAS, ids=str)
@settings(max_examples=25)
@given(sets=PLAIN_SETS)
def test_plain_batches_take_the_fast_path_and_render_as_set_by_set(
    schema: PointSchema, sets: tuple[MetricSet, ...]
) -> None:
    batch = decoded(sets)
    assert fast_path(batch, schema) == render_sets(batch, schema)


@given(sets=ANY_SETS, schema=st.sampled_from(SCHEMAS), cluster=ANY_TEXT)
@example(sets=(MetricSet("k", "pod", {"a": "x\n"}, {"m": 1}),), schema=SCHEMAS[0], cluster="c")
@example(sets=(MetricSet("k", "pod", {"a": "x\\"}, {"m": 1}),), schema=SCHEMAS[0], cluster="c")
@example(sets=(MetricSet("k", "pod", {"a": "\0"}, {"m": 1}),), schema=SCHEMAS[0], cluster="c")
@example(sets=(MetricSet("k", "pod", {}, {"m": 1}),), schema=SCHEMAS[0], cluster="c\\")
def test_any_batch_renders_as_set_by_set(sets: tuple[MetricSet, ...], schema: PointSchema, cluster: str) -> None:
    batch = decoded(sets, cluster)
    expected = render_sets(batch, schema)
    assert render(batch, schema) == expected
    assert fast_path(batch, schema) in (None, expected)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@given(sets=PLAIN_SETS, schema=st.sampled_from(SCHEMAS))
def test_a_value_that_is_not_finite_is_omitted_and_counted_and_the_others_are_rendered(
    value: float, sets: tuple[MetricSet, ...], schema: PointSchema
) -> None:
    without = decoded((*sets, MetricSet("k", "pod", {}, {"last": 1.0})))
    with_value = decoded((*sets, MetricSet("k", "pod", {}, {"last": 1.0, "odd": value})))
    assert fast_path(with_value, schema) is None
    found = render(with_value, schema)
    assert found == render_sets(with_value, schema)
    assert found.lines == render(without, schema).lines
    assert found.problems == {"not_finite": 1}


@pytest.mark.parametrize("value", [2**53 + 1, 2**63 - 1, -(2**53) - 1, -(2**63)])
@pytest.mark.parametrize("metric", ["cpu/usage", "custom/total"])
def test_integers_beyond_the_precision_of_a_float_are_rendered_exactly(metric: str, value: int) -> None:
    batch = decoded((MetricSet("k", "pod", {}, {metric: value}),))
    expected = [f"{metric},cluster_name=c value={value}i {T}"]
    for rendered in (fast_path(batch, PointSchema()), render_sets(batch, PointSchema())):
        assert rendered is not None
        assert rendered.lines == expected


@pytest.mark.parametrize("text", ["x", "日"])
@pytest.mark.parametrize("bytes_missing", [60_000, 49_200, 49_100, 1, 0, -1])
def test_series_keys_around_the_longest_one_render_as_set_by_set(text: str, bytes_missing: int) -> None:
    tags = ",cluster_name=c,x="
    length = (65_535 - bytes_missing - len(f"mm{tags}")) // len(text.encode())
    batch = decoded((MetricSet("k", "pod", {"x": text * length}, {"mm": 1, "m": 2}),))
    expected = render_sets(batch, PointSchema())
    assert render(batch, PointSchema()) == expected
    assert fast_path(batch, PointSchema()) in (None, expected)
