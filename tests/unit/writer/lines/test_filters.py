from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import ConfigError
from runtime.uri import UriOptions, parse_keyed_uri
from schemas.catalogue import EntityType, Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version
from writer.lines.filters import Filter, NameFilter, filter_batch
from writer.sinks.filter_options import FILTER_OPTIONS, parse_filter

CPU, MEMORY, DISK = "cpu/usage_rate", "memory/usage", "filesystem/usage"


def entity(key: str, kind: EntityType, **labels: str) -> MetricSet:
    disk = LabeledValues({"resource_id": "/"}, {DISK: 7})
    return MetricSet(key=key, type=kind, labels={"type": kind, **labels}, values={CPU: 1, MEMORY: 2}, labeled=(disk,))


BATCH = MetricBatch(
    cluster="c",
    entity="n1",
    window_end_ns=1,
    resolution_ns=1,
    sets=(
        entity("node:n1", "node", nodename="n1", labels="pool:batch", host_id="h"),
        entity("node:n1/container:kubelet", "sys_container", nodename="n1"),
        entity("namespace:blue/pod:p", "pod", namespace_name="blue", pod_name="p", labels="app:web,team:a"),
        entity("namespace:blue/pod:p/container:c", "pod_container", namespace_name="blue", labels="app:web,team:a"),
        entity("namespace:red/pod:q", "pod", namespace_name="red", pod_name="q"),
        entity("namespace:red", "ns", namespace_name="red"),
        entity("cluster", "cluster"),
    ),
    version=Version(1, 0),
    object_labels={
        "node:n1": {"pool": "batch"},
        "namespace:blue/pod:p": {"app": "web", "team": "a"},
        "namespace:red/pod:q": {},
    },
)


def filter_of(query: str) -> Filter:
    keyed = parse_keyed_uri("--sink", f"influxdb:?{query}", {})
    option = UriOptions.from_uri(keyed)
    found = parse_filter(option, with_tags=True)
    option.reject_unknown()
    return found


NODE, SYSTEM, POD, CONTAINER, OTHER, NAMESPACE, CLUSTER = (each.key for each in BATCH.sets)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        pytest.param("types=pod,node", [NODE, POD, OTHER], id="types"),
        pytest.param("exclude_types=pod_container,sys_container,pod", [NODE, NAMESPACE, CLUSTER], id="excluded types"),
        pytest.param(
            "namespaces=bl*", [NODE, SYSTEM, POD, CONTAINER, CLUSTER], id="a namespace, and entities without one"
        ),
        pytest.param("namespaces=red&types=pod,ns", [OTHER, NAMESPACE], id="a namespace only"),
        pytest.param("exclude_namespaces=red", [NODE, SYSTEM, POD, CONTAINER, CLUSTER], id="excluded namespace"),
        pytest.param(
            "namespaces=*&exclude_namespaces=red,blue", [NODE, SYSTEM, CLUSTER], id="exclude takes precedence"
        ),
        pytest.param(
            "labels=team=a*",
            [SYSTEM, POD, CONTAINER, NAMESPACE, CLUSTER],
            id="a label, and entity types without labels",
        ),
        pytest.param("labels=team", [SYSTEM, POD, CONTAINER, NAMESPACE, CLUSTER], id="a label of any value"),
        pytest.param("labels=team=b,pool=batch", [NODE, SYSTEM, NAMESPACE, CLUSTER], id="one of several labels"),
        pytest.param("exclude_labels=app=w?b", [NODE, SYSTEM, OTHER, NAMESPACE, CLUSTER], id="excluded label"),
        pytest.param("labels=app=WEB&types=pod", [], id="case-sensitive"),
    ],
)
def test_metric_sets_that_a_filter_accepts(query: str, keys: list[str]) -> None:
    assert [each.key for each in filter_batch(BATCH, filter_of(query)).sets] == keys


def test_labels_of_a_record_that_has_them_only_as_text() -> None:
    old = MetricBatch(
        cluster="c", entity="n1", window_end_ns=1, resolution_ns=1, sets=BATCH.sets, version=Version(1, 0)
    )
    assert [each.key for each in filter_batch(old, filter_of("labels=team=a&types=pod")).sets] == [POD]


@pytest.mark.parametrize(
    ("query", "values", "labeled"),
    [
        pytest.param("metrics=cpu/*", {CPU: 1}, {}, id="a group"),
        pytest.param("metrics=*usage", {MEMORY: 2}, {DISK: 7}, id="a star matches slashes too"),
        pytest.param("exclude_metrics=cpu/usage_rate,filesystem/*", {MEMORY: 2}, {}, id="excluded metrics"),
        pytest.param(
            "metrics=cpu/*,memory/*&exclude_metrics=*_rate", {MEMORY: 2}, {}, id="included and excluded metrics"
        ),
        pytest.param("metrics=cpu/*&metrics=memory/*", {CPU: 1}, {}, id="the first of a repeated option counts"),
        pytest.param("metrics=+cpu/*+,", {CPU: 1}, {}, id="spaces and empty names are ignored"),
    ],
)
def test_values_that_a_filter_accepts(query: str, values: Mapping[str, Number], labeled: Mapping[str, Number]) -> None:
    (node,) = filter_batch(BATCH, filter_of(f"types=node&{query}")).sets
    assert node.values == values
    assert {name: value for each in node.labeled for name, value in each.values.items()} == labeled


def test_a_metric_set_without_accepted_values_is_removed() -> None:
    assert filter_batch(BATCH, filter_of("metrics=uptime")).sets == ()


def test_excluded_tags_are_removed() -> None:
    (node,) = filter_batch(BATCH, filter_of("types=node&exclude_tags=labels,host*")).sets
    assert node.labels == {"type": "node", "nodename": "n1"}


def test_excluded_tags_can_still_be_filtered_by() -> None:
    (pod,) = filter_batch(BATCH, filter_of("types=pod&labels=team=a&exclude_tags=labels")).sets
    assert pod.key == POD


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("metrics=", "the option `metrics` is empty: remove it, or give names separated by commas"),
        ("exclude_labels=,", "the option `exclude_labels` is empty: remove it, or give names separated by commas"),
        ("types=nod", "the option `types`: unknown type 'nod': did you mean `node`?"),
        ("exclude_types=Pod", "the option `exclude_types`: unknown type 'Pod': did you mean `pod`?"),
        (
            "exclude_tags=pod_*",
            (
                "the option `exclude_tags`: 'pod_*' excludes pod_name: without it points of different series"
                " overwrite each other; give other tags"
            ),
        ),
        ("metric=cpu/*", "unknown option `metric`: did you mean `metrics`?"),
    ],
)
def test_an_invalid_filter_is_a_start_up_error(query: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        filter_of(query)
    assert str(raised.value) == f"--sink=influxdb: {message}"


def test_without_a_filter_everything_is_accepted() -> None:
    assert filter_of("") == Filter()
    assert filter_batch(BATCH, Filter()) == BATCH


names = st.text(st.sampled_from("ab/*"), max_size=4)


@given(include=st.lists(names, min_size=1), exclude=st.lists(names), name=st.text(st.sampled_from("ab/"), max_size=4))
def test_including_and_excluding_the_same_globs_are_opposites(
    include: list[str], exclude: list[str], name: str
) -> None:
    assert NameFilter.of(include).accepts(name) is not NameFilter.of(exclude=include).accepts(name)
    both = NameFilter.of(include, exclude).accepts(name)
    assert both is (NameFilter.of(include).accepts(name) and NameFilter.of(exclude=exclude).accepts(name))


def test_every_filter_option_is_logged() -> None:
    option = UriOptions.from_uri(parse_keyed_uri("--sink", "influxdb", {}))
    parse_filter(option, with_tags=True)
    assert option._read == set(FILTER_OPTIONS)
