from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import ConfigError
from runtime.uri import Options, parse_keyed_uri
from schemas.catalogue import EntityType, Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version
from writer.lines.filters import Choice, Filter, filtered
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
    option = Options.of(keyed)
    found = parse_filter(option, with_tags=True)
    option.done()
    return found


NODE, SYSTEM, POD, CONTAINER, OTHER, NAMESPACE, CLUSTER = (each.key for each in BATCH.sets)


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        pytest.param("types=pod,node", [NODE, POD, OTHER], id="types"),
        pytest.param("exclude_types=pod_container,sys_container,pod", [NODE, NAMESPACE, CLUSTER], id="but for types"),
        pytest.param("namespaces=bl*", [NODE, SYSTEM, POD, CONTAINER, CLUSTER], id="a namespace, and what is in none"),
        pytest.param("namespaces=red&types=pod,ns", [OTHER, NAMESPACE], id="a namespace only"),
        pytest.param("exclude_namespaces=red", [NODE, SYSTEM, POD, CONTAINER, CLUSTER], id="but for a namespace"),
        pytest.param("namespaces=*&exclude_namespaces=red,blue", [NODE, SYSTEM, CLUSTER], id="exclusion is stronger"),
        pytest.param(
            "labels=team=a*", [SYSTEM, POD, CONTAINER, NAMESPACE, CLUSTER], id="a label, and what can have none"
        ),
        pytest.param("labels=team", [SYSTEM, POD, CONTAINER, NAMESPACE, CLUSTER], id="a label of any value"),
        pytest.param("labels=team=b,pool=batch", [NODE, SYSTEM, NAMESPACE, CLUSTER], id="one of several labels"),
        pytest.param("exclude_labels=app=w?b", [NODE, SYSTEM, OTHER, NAMESPACE, CLUSTER], id="but for a label"),
        pytest.param("labels=app=WEB&types=pod", [], id="letters count"),
    ],
)
def test_metric_sets_that_are_left(query: str, keys: list[str]) -> None:
    assert [each.key for each in filtered(BATCH, filter_of(query)).sets] == keys


def test_labels_of_a_record_that_has_them_as_text_only() -> None:
    old = MetricBatch(
        cluster="c", entity="n1", window_end_ns=1, resolution_ns=1, sets=BATCH.sets, version=Version(1, 0)
    )
    assert [each.key for each in filtered(old, filter_of("labels=team=a&types=pod")).sets] == [POD]


@pytest.mark.parametrize(
    ("query", "values", "labeled"),
    [
        pytest.param("metrics=cpu/*", {CPU: 1}, {}, id="a group"),
        pytest.param("metrics=*usage", {MEMORY: 2}, {DISK: 7}, id="a star stands for slashes too"),
        pytest.param("exclude_metrics=cpu/usage_rate,filesystem/*", {MEMORY: 2}, {}, id="but for some"),
        pytest.param("metrics=cpu/*,memory/*&exclude_metrics=*_rate", {MEMORY: 2}, {}, id="some, but for some"),
        pytest.param("metrics=cpu/*&metrics=memory/*", {CPU: 1}, {}, id="the first of a repeated option counts"),
        pytest.param("metrics=+cpu/*+,", {CPU: 1}, {}, id="spaces and empty names mean nothing"),
    ],
)
def test_values_that_are_left(query: str, values: Mapping[str, Number], labeled: Mapping[str, Number]) -> None:
    (node,) = filtered(BATCH, filter_of(f"types=node&{query}")).sets
    assert node.values == values
    assert {name: value for each in node.labeled for name, value in each.values.items()} == labeled


def test_a_set_without_values_left_is_gone() -> None:
    assert filtered(BATCH, filter_of("metrics=uptime")).sets == ()


def test_tags_that_are_left() -> None:
    (node,) = filtered(BATCH, filter_of("types=node&exclude_tags=labels,host*")).sets
    assert node.labels == {"type": "node", "nodename": "n1"}


def test_excluded_tags_can_still_be_asked_for() -> None:
    (pod,) = filtered(BATCH, filter_of("types=pod&labels=team=a&exclude_tags=labels")).sets
    assert pod.key == POD


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("metrics=", "the option `metrics` names nothing: leave it out, or list names by commas"),
        ("exclude_labels=,", "the option `exclude_labels` names nothing: leave it out, or list names by commas"),
        ("types=nod", "the option `types`: no entity is a 'nod': is it `node`?"),
        ("exclude_types=Pod", "the option `exclude_types`: no entity is a 'Pod': is it `pod`?"),
        (
            "exclude_tags=pod_*",
            (
                "the option `exclude_tags`: 'pod_*' leaves out pod_name, without which points of different series"
                " would overwrite each other"
            ),
        ),
        ("metric=cpu/*", "there is no option `metric`: is it `metrics`?"),
    ],
)
def test_a_filter_that_cannot_be_meant(query: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        filter_of(query)
    assert str(raised.value) == f"--sink=influxdb: {message}"


def test_without_a_filter_everything_is_left() -> None:
    assert filter_of("") == Filter()
    assert filtered(BATCH, Filter()) == BATCH


names = st.text(st.sampled_from("ab/*"), max_size=4)


@given(wanted=st.lists(names, min_size=1), unwanted=st.lists(names), name=st.text(st.sampled_from("ab/"), max_size=4))
def test_a_filter_and_its_opposite_part_what_there_is(wanted: list[str], unwanted: list[str], name: str) -> None:
    assert Choice.of(wanted).accepts(name) is not Choice.of(unwanted=wanted).accepts(name)
    both = Choice.of(wanted, unwanted).accepts(name)
    assert both is (Choice.of(wanted).accepts(name) and Choice.of(unwanted=unwanted).accepts(name))


def test_every_option_is_one_that_is_told() -> None:
    option = Options.of(parse_keyed_uri("--sink", "influxdb", {}))
    parse_filter(option, with_tags=True)
    assert option._read == set(FILTER_OPTIONS)
