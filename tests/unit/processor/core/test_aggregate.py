from collections import Counter
from collections.abc import Mapping
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.aggregate import add_up, group_sums, sum_containers, sum_pods
from processor.core.entity import Entities, Entity
from processor.core.problems import Problem, Problems
from schemas.catalogue import NODE, POD, POD_CONTAINER, Number
from schemas.keys import pod_container_key, pod_key

POD1 = "namespace:ns1/pod:pod1"


def pod(values: Mapping[str, Number], name: str = "pod1") -> Entity:
    return Entity(key=pod_key("ns1", name), type=POD, labels={}, namespace="ns1", pod=name, values=dict(values))


def container(name: str, values: Mapping[str, Number], pod_name: str = "pod1") -> Entity:
    return Entity(
        key=pod_container_key("ns1", pod_name, name),
        type=POD_CONTAINER,
        labels={
            "type": "pod_container",
            "container_name": name,
            "namespace_name": "ns1",
            "namespace_id": "ns-uid",
            "pod_name": pod_name,
            "pod_id": "p-uid",
            "nodename": "n1",
            "hostname": "h1",
            "host_id": "i-1",
            "labels": "app:web",
        },
        namespace="ns1",
        pod=pod_name,
        container=name,
        values=dict(values),
    )


def summed(*entities: Entity, problems: Problems | None = None) -> dict[str, Number]:
    together: Entities = {entity.key: entity for entity in entities}
    sum_containers(together, Counter() if problems is None else problems)
    return together[POD1].values


def test_a_pod_that_is_not_reported_is_the_sum_of_its_containers() -> None:
    values = summed(container("c1", {"m1": 10, "m2": 222}), container("c2", {"m1": 100, "m3": 30}))
    assert values == {"m1": 110, "m2": 222, "m3": 30}


def test_an_unreported_pod_has_its_containers_identity_but_no_nodename() -> None:
    entities: Entities = {entity.key: entity for entity in [container("c1", {})]}
    sum_containers(entities, Counter())
    assert entities[POD1].labels == {
        "type": "pod",
        "namespace_name": "ns1",
        "namespace_id": "ns-uid",
        "pod_name": "pod1",
        "pod_id": "p-uid",
        "hostname": "h1",
        "host_id": "i-1",
    }


def test_a_metric_that_the_pod_reports_is_not_replaced_by_the_sum() -> None:
    assert summed(pod({"m1": 100}), container("c1", {"m1": 10, "m2": 20})) == {"m1": 100, "m2": 20}


@pytest.mark.parametrize(
    "metric",
    [
        "uptime",
        "cpu/usage",
        "memory/page_faults",
        "memory/major_page_faults",
        "network/rx",
        "network/rx_errors",
        "network/tx",
        "network/tx_errors",
    ],
)
def test_counters_and_ratios_of_containers_are_not_summed(metric: str) -> None:
    assert summed(pod({}), container("c1", {metric: 10})) == {}


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("cpu/usage_rate", 10),
        ("memory/page_faults_rate", 2.5),
        ("memory/usage", 10),
        ("memory/working_set", 10),
        ("ephemeral_storage/usage", 10),
        ("cpu/request", 10),
        ("restart_count", 10),
        ("nvidia.com/gpu/request", 1),
        ("custom/qps", 2.5),
    ],
)
def test_other_metrics_of_containers_are_summed(metric: str, value: Number) -> None:
    assert summed(pod({}), container("c1", {metric: value}), container("c2", {metric: value})) == {metric: 2 * value}


def test_a_container_without_the_metric_does_not_change_the_sum() -> None:
    assert summed(pod({}), container("c1", {"cpu/usage_rate": 255}), container("c2", {})) == {"cpu/usage_rate": 255}


def test_a_value_of_another_type_is_skipped_and_counted() -> None:
    problems: Problems = Counter()
    values = summed(container("c1", {"custom/a": 1.5}), container("c2", {"custom/a": 2}), problems=problems)
    assert values == {"custom/a": 1.5}
    assert problems == {Problem.VALUE_TYPE_MISMATCH: 1}


@pytest.mark.parametrize(
    "values",
    [pytest.param([2**63 - 1, 1], id="past 64 bits"), pytest.param([1.5e308, 1.5e308], id="past the range of a float")],
)
def test_a_sum_that_does_not_fit_is_absent_and_counted(values: list[Number]) -> None:
    problems: Problems = Counter()
    parts = [{"memory/usage": value, "m": 1} for value in values]
    assert add_up(parts, problems) == {"m": 2}
    assert problems == {Problem.SUM_PAST_64_BITS: 1}


@given(st.permutations([("a", 1e16), ("b", 1.0), ("c", -1e16), ("d", 0.1)]))
def test_floats_are_summed_in_the_order_of_the_container_names(reported: list[tuple[str, float]]) -> None:
    values = summed(*(container(name, {"custom/x": value}) for name, value in reported))
    assert values == {"custom/x": 1e16 + 1.0 + -1e16 + 0.1}


def test_the_last_digit_of_a_float_sum_does_not_depend_on_the_order_of_containers() -> None:
    """For these three, Heapster wrote 78.7090909090909 in some runs and 78.70909090909092 in others."""
    rates = {"a": 1 / 55, "b": 45 / 55, "c": 4283 / 55}
    assert rates["a"] + rates["c"] + rates["b"] == 78.7090909090909
    for order in permutations(rates):
        values = summed(*(container(name, {"memory/page_faults_rate": rates[name]}) for name in order))
        assert values == {"memory/page_faults_rate": 78.70909090909092}


def test_a_node_has_the_sums_of_its_pods_requests_and_limits_and_its_own_usage() -> None:
    node = Entity(key="node:h1", type=NODE, labels={}, values={"memory/usage": 5, "cpu/usage_rate": 7})
    pods = [
        pod({"cpu/request": 10, "memory/request": 222, "memory/usage": 1000, "restart_count": 1}),
        pod({"cpu/request": 100, "cpu/limit": 30, "ephemeral_storage/limit": 4, "nvidia.com/gpu/request": 1}),
    ]
    sum_pods(node, pods, Counter())
    assert node.values == {
        "memory/usage": 5,
        "cpu/usage_rate": 7,
        "cpu/request": 110,
        "cpu/limit": 30,
        "memory/request": 222,
        "ephemeral_storage/limit": 4,
    }


def test_a_node_without_pods_has_no_request_metrics() -> None:
    node = Entity(key="node:h1", type=NODE, labels={})
    sum_pods(node, [], Counter())
    assert node.values == {}


def test_a_group_has_the_sums_of_six_metrics_over_pods_that_have_them() -> None:
    pods = [
        pod({"cpu/usage_rate": 10, "memory/usage": 222, "memory/working_set": 1, "uptime": 9}),
        pod({"cpu/usage_rate": 100, "cpu/request": 30, "ephemeral_storage/request": 5}),
    ]
    assert group_sums(pods, Counter()) == {"cpu/usage_rate": 110, "memory/usage": 222, "cpu/request": 30}
