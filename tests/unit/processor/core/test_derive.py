from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from processor.core.derive import NodeResult, derive
from processor.core.labels import LabelRules
from processor.core.problems import Problem
from processor.state.transition import node_sample
from schemas.catalogue import BY_NAME, GROUP_METRICS, Number
from schemas.group_sum import NO_SUMS
from schemas.metric_batch import MetricSet
from schemas.node_sample import Contribution
from schemas.node_scrape import ApiContainer, ApiNamespace, ApiPod, NodeScrape
from tests.scrapes import summary_scrape, time_ns

NODE = "node:n1"
POD = "namespace:default/pod:web-1"
WEB, SIDE, INIT = f"{POD}/container:web", f"{POD}/container:side", f"{POD}/container:init-done"
WEB_1 = ApiPod(
    namespace="default",
    name="web-1",
    uid="p-uid",
    node="n1",
    phase="Running",
    labels={"app": "web"},
    restarts={"web": 2},
    containers=(
        ApiContainer(
            name="web",
            image="web",
            requests={"cpu": "500m", "memory": "256Mi"},
            limits={"cpu": "1", "memory": "512Mi"},
        ),
        ApiContainer(name="side", image="side", requests={"cpu": "50m", "memory": "64Mi"}),
        ApiContainer(name="init-done", image="init", requests={"cpu": "250m", "memory": "128Mi"}),
    ),
)
DEFAULT = ApiNamespace(name="default", uid="ns-uid", nodes=3)


def cpu(usage_ns: int, at: str) -> dict[str, object]:
    return {"time": at, "usageCoreNanoSeconds": usage_ns}


def end_to_end_document(*, later: bool) -> dict[str, object]:
    """Document of one of two scrapes; sampled 60.0 s apart for containers, 59.0 s for networks, 59.5 s for the node."""
    start = "2017-08-02T00:00:00Z"
    at = "2017-08-13T10:50:50Z" if later else "2017-08-13T10:49:50Z"
    pod_at = "2017-08-13T10:50:49Z" if later else "2017-08-13T10:49:50Z"
    node_at = "2017-08-13T10:50:49.5Z" if later else "2017-08-13T10:49:50Z"
    return {
        "node": {
            "nodeName": "n1",
            "startTime": start,
            "cpu": cpu(10**15 + 95_200_000_000 * later, node_at),
            "memory": {"time": node_at, "usageBytes": 3_000_000_000},
        },
        "pods": [
            {
                "podRef": {"name": "web-1", "namespace": "default", "uid": "p-uid"},
                "startTime": start,
                "cpu": cpu(10**12 + 16_500_000_000 * later, pod_at),
                "memory": {"time": pod_at, "usageBytes": 231_000_000},
                "network": {"time": pod_at, "rxBytes": 1},
                "containers": [
                    {
                        "name": "web",
                        "startTime": start,
                        "cpu": cpu(10**11 + 15_300_000_000 * later, at),
                        "memory": {"usageBytes": 200_000_000},
                    },
                    {
                        "name": "side",
                        "startTime": start,
                        "cpu": cpu(10**10 + 1_019_999_999 * later, at),
                        "memory": {"usageBytes": 30_000_000},
                    },
                ],
            }
        ],
    }


def scrape(document: object, **fields: Any) -> NodeScrape:
    plain = {
        "pods": (WEB_1,),
        "namespaces": (DEFAULT,),
        "capacity": {"cpu": "4", "memory": "8010948Ki"},
        "allocatable": {"cpu": "3920m", "memory": "7908548Ki"},
    }
    return summary_scrape(document, **{**plain, **fields})


def derived(*documents: object, **fields: Any) -> NodeResult:
    """The result of the last document; the documents are scraped one window apart."""
    result, previous = None, None
    for document in documents:
        each = scrape(document, **fields)
        result = derive(each, previous, LabelRules())
        previous = node_sample(each, result, 0)
    assert result is not None
    return result


def values(result: NodeResult) -> dict[str, Mapping[str, Number]]:
    return {metric_set.key: metric_set.values for metric_set in result.sets}


def group_values(contribution: Contribution) -> dict[str, int]:
    return {name: value for name, value in zip(GROUP_METRICS, contribution.sums, strict=True) if value is not None}


FIRST, SECOND = end_to_end_document(later=False), end_to_end_document(later=True)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        pytest.param(WEB, {"cpu/usage_rate": 255}, id="a container"),
        pytest.param(SIDE, {"cpu/usage_rate": 16}, id="16.99 is truncated"),
        pytest.param(INIT, {"cpu/request": 250, "cpu/limit": 0}, id="a stub"),
        pytest.param(
            POD,
            {
                "cpu/usage_rate": 279,  # the 279.66 of its own cgroup, not the 271 of its containers
                "memory/usage": 231_000_000,
                "cpu/request": 800,
                "cpu/limit": 1000,
                "memory/request": 469_762_048,
                "memory/limit": 536_870_912,
            },
            id="the pod",
        ),
        pytest.param(
            NODE,
            {
                "cpu/usage_rate": 1600,
                "memory/usage": 3_000_000_000,
                "cpu/request": 800,
                "cpu/node_utilization": 0.40816326530612246,
                "cpu/node_reservation": 0.20408163265306123,
                "memory/node_utilization": 0.3704456873752299,
                "memory/node_reservation": 0.05800710825805192,
            },
            id="the node",
        ),
    ],
)
def test_end_to_end_example(key: str, expected: dict[str, Number]) -> None:
    found = values(derived(FIRST, SECOND))[key]
    assert {name: found[name] for name in expected} == expected


def test_end_to_end_example_of_the_groups() -> None:
    namespace, cluster = derived(FIRST, SECOND, cluster_nodes=4).contributions
    expected = {
        "cpu/usage_rate": 279,
        "memory/usage": 231_000_000,
        "cpu/request": 800,
        "cpu/limit": 1000,
        "memory/request": 469_762_048,
        "memory/limit": 536_870_912,
    }
    assert group_values(namespace) == group_values(cluster) == expected
    assert (namespace.group, namespace.namespace_id, namespace.nodes_expected) == ("namespace:default", "ns-uid", 3)
    assert (cluster.group, cluster.namespace_id, cluster.nodes_expected) == ("cluster", "", 4)


def test_the_first_scrape_has_everything_except_rates() -> None:
    result = derived(FIRST)
    assert not any(name.endswith("_rate") for found in values(result).values() for name in found)
    assert values(result)[NODE]["cpu/node_utilization"] == 0.0
    assert group_values(result.contributions[-1]).keys() == {
        "memory/usage",
        "cpu/request",
        "cpu/limit",
        "memory/request",
        "memory/limit",
    }


def test_a_pod_without_cgroup_values_is_the_sum_of_its_containers() -> None:
    def without(document: dict[str, Any]) -> dict[str, Any]:
        pod = {name: part for name, part in document["pods"][0].items() if name not in {"cpu", "memory"}}
        return {**document, "pods": [pod]}

    found = values(derived(without(FIRST), without(SECOND)))[POD]
    assert (found["cpu/usage_rate"], found["memory/usage"]) == (271, 230_000_000)


def test_a_pod_whose_network_appears_later_is_the_sum_of_its_containers_where_heapster_wrote_0() -> None:
    pod = {name: part for name, part in FIRST["pods"][0].items() if name != "network"}  # type: ignore[index]
    result = derived({**FIRST, "pods": [pod]}, SECOND)
    assert values(result)[POD]["cpu/usage_rate"] == 271
    assert group_values(result.contributions[0])["cpu/usage_rate"] == 271


def test_the_same_scrape_has_the_same_result() -> None:
    assert derived(FIRST, SECOND) == derived(FIRST, SECOND)


def test_every_metric_of_the_summary_is_on_the_entities_that_the_catalogue_lists() -> None:
    result = derived(full_document(later=False), full_document(later=True), capacity=EPHEMERAL, allocatable=EPHEMERAL)
    found: dict[str, set[str]] = {}
    for metric_set in result.sets:
        for part in (metric_set.values, *(labeled.values for labeled in metric_set.labeled)):
            for name, value in part.items():
                assert type(value).__name__ == BY_NAME[name].value
                found.setdefault(name, set()).add(metric_set.type)
    assert found == {
        name: set(metric.entities) - {"cluster", "ns", "workload"}
        for name, metric in BY_NAME.items()
        if metric.summary and not metric.extended
    }


@pytest.mark.parametrize(
    ("key", "points"),
    [
        pytest.param(NODE, 42, id="node"),
        pytest.param("node:n1/container:kubelet", 10, id="system container"),
        pytest.param(POD, 26 + 5, id="pod with a volume"),
        pytest.param(WEB, 28, id="pod container"),
    ],
)
def test_number_of_points_in_a_window(key: str, points: int) -> None:
    result = derived(
        full_document(later=False, accelerators=False),
        full_document(later=True, accelerators=False),
        capacity=EPHEMERAL,
        allocatable=EPHEMERAL,
    )
    [found] = [metric_set for metric_set in result.sets if metric_set.key == key]
    assert points_in(found) == points


def test_number_of_points_of_a_large_cluster_in_a_window() -> None:
    """1000 nodes with 30 pods of one container and 3 system containers each: 1,692,000."""
    names = [f"web-{number}" for number in range(30)]

    def document(*, later: bool) -> dict[str, Any]:
        one: dict[str, Any] = full_document(later=later, accelerators=False)
        [pod], [system] = one["pods"], one["node"]["systemContainers"]
        systems = [{**system, "name": name} for name in ("kubelet", "runtime", "misc")]
        pods = [{**pod, "podRef": {"name": name, "namespace": "default"}, "volume": []} for name in names]
        return {"node": {**one["node"], "systemContainers": systems}, "pods": pods}

    result = derived(
        document(later=False),
        document(later=True),
        pods=tuple(replace(WEB_1, name=name, containers=WEB_1.containers[:1]) for name in names),
        capacity=EPHEMERAL,
        allocatable=EPHEMERAL,
    )
    assert 1000 * sum(points_in(metric_set) for metric_set in result.sets) == 42_000 + 30_000 + 780_000 + 840_000


def points_in(metric_set: MetricSet) -> int:
    return len(metric_set.values) + sum(len(labeled.values) for labeled in metric_set.labeled)


EPHEMERAL = {"cpu": "4", "memory": "8Gi", "ephemeral-storage": "100Gi"}


def full_document(*, later: bool, accelerators: bool = True) -> dict[str, object]:
    at = "2017-08-13T10:50:50Z" if later else "2017-08-13T10:49:50Z"
    parts = {
        "startTime": "2017-08-02T00:00:00Z",
        "cpu": cpu(10**12, at),
        "memory": {
            "time": at,
            "usageBytes": 1,
            "workingSetBytes": 1,
            "rssBytes": 1,
            "pageFaults": 1,
            "majorPageFaults": 1,
        },
    }
    network = {"time": at, "rxBytes": 1, "rxErrors": 1, "txBytes": 1, "txErrors": 1}
    disk = {"usedBytes": 1, "capacityBytes": 1, "availableBytes": 1, "inodes": 1, "inodesFree": 1}
    gpu = {"accelerators": [{"make": "nvidia", "model": "t4", "id": "g0"}]} if accelerators else {}
    system = {"name": "kubelet", **parts, **gpu}
    web = {"name": "web", **parts, "rootfs": disk, "logs": disk, **gpu}
    if accelerators:
        system |= {"rootfs": disk, "logs": disk}
    pod = {
        "podRef": {"name": "web-1", "namespace": "default", "uid": "p-uid"},
        **parts,
        "network": network,
        "ephemeral-storage": disk,
        "volume": [{"name": "data", **disk}],
        "containers": [web],
    }
    return {
        "node": {**parts, "nodeName": "n1", "network": network, "fs": disk, "systemContainers": [system]},
        "pods": [pod],
    }


REPORTED = {"podRef": {"name": "web-1", "namespace": "default", "uid": "p-uid"}, "memory": {"usageBytes": 7}}
WITH_WEB = {**REPORTED, "containers": [{"name": "web", "memory": {"usageBytes": 7}}]}


@pytest.mark.parametrize(
    ("pods", "api", "expected_keys", "expected_sums"),
    [
        pytest.param(
            [{**REPORTED, "containers": [{"name": name} for name in ("web", "side", "init-done")]}],
            [WEB_1],
            {POD, WEB, SIDE, INIT},
            {"memory/usage": 7, "cpu/request": 800},
            id="running, reported",
        ),
        pytest.param(
            [WITH_WEB],
            [WEB_1],
            {POD, WEB, SIDE, INIT},
            {"memory/usage": 7, "cpu/request": 800},
            id="running, some containers not reported: stubs count",
        ),
        pytest.param([], [WEB_1], set(), {}, id="pending, or ended and not reported: not counted"),
        pytest.param(
            [REPORTED],
            [ApiPod(namespace="default", name="web-1", uid="u", phase="Failed", containers=WEB_1.containers)],
            {POD, WEB, SIDE, INIT},
            {"memory/usage": 7, "cpu/request": 800},
            id="ended, still reported: counted with its requests",
        ),
        pytest.param([WITH_WEB], [], {POD, WEB}, {"memory/usage": 7}, id="just deleted: usage only"),
    ],
)
def test_pods_in_each_phase(
    pods: list[object], api: list[ApiPod], expected_keys: set[str], expected_sums: dict[str, int]
) -> None:
    result = derived({"pods": pods}, pods=tuple(api))
    assert values(result).keys() - {NODE} == expected_keys
    cluster = group_values(result.contributions[-1])
    assert {name: cluster[name] for name in ("memory/usage", "cpu/request") if name in cluster} == expected_sums


def test_a_node_without_pods_contributes_only_itself_to_the_cluster() -> None:
    result = derived(b"{}", cluster_nodes=5)
    assert result.contributions == (Contribution(group="cluster", sums=NO_SUMS, nodes_expected=5),)


def test_a_namespace_unknown_to_the_api_has_no_uid_and_expects_one_node() -> None:
    [namespace, _] = derived({"pods": [REPORTED]}, namespaces=()).contributions
    assert (namespace.group, namespace.namespace_id, namespace.nodes_expected) == ("namespace:default", "", 1)


def test_a_pod_of_another_node_is_enriched_but_counted_only_there() -> None:
    moved = ApiPod(namespace="default", name="web-1", uid="p2", node="n2", labels={"app": "web"})
    result = derived({"pods": [REPORTED]}, pods=(moved,))
    [pod] = [metric_set for metric_set in result.sets if metric_set.type == "pod"]
    assert (pod.labels["pod_id"], pod.labels["labels"], pod.labels["nodename"]) == ("p2", "app:web", "n1")
    assert [(each.group, each.sums) for each in result.contributions] == [("cluster", NO_SUMS)]
    assert result.problems == {Problem.POD_OF_ANOTHER_NODE: 1}


def test_the_kept_samples_have_a_scrape_time_and_counters() -> None:
    result = derived(SECOND)
    assert result.entities.keys() == {NODE, POD, WEB, SIDE}
    web = result.entities[WEB]
    assert (web.scrape_ns, web.start_ns) == (time_ns("2017-08-13T10:50:50Z"), time_ns("2017-08-02T00:00:00Z"))
    assert web.counters == {"cpu/usage": 115_300_000_000}
    untimed = {
        "pods": [{**REPORTED, "cpu": {"usageCoreNanoSeconds": 1}}],
        "node": {"cpu": {"time": "2017-08-13T10:50:50Z"}},
    }
    assert derived(untimed).entities == {}


def test_a_decreased_counter_has_no_rate_and_is_counted() -> None:
    result = derived(SECOND, {**FIRST, "node": {**FIRST["node"], "cpu": cpu(1, "2017-08-13T10:51:50Z")}})  # type: ignore[dict-item]
    assert "cpu/usage_rate" not in values(result)[NODE]
    assert result.problems == {Problem.COUNTER_RESET: 1}


def test_a_rate_past_64_bits_is_absent_and_counted() -> None:
    nodes = [{"node": {"cpu": cpu(usage, f"2017-08-13T10:50:50.{usage % 2:09}Z")}} for usage in (0, 2**63 - 1)]
    result = derived(*nodes)
    assert "cpu/usage_rate" not in values(result)[NODE]
    assert result.problems == {Problem.PAST_64_BITS: 1}
