from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from processor.core.derive import NodeResult, derive
from processor.core.labels import LabelRules
from processor.core.problems import Problem
from processor.state.transition import node_sample
from schemas.catalogue import MAX_INT, Number
from schemas.node_scrape import ApiContainer, ApiPod, ApiWorkload, NodeScrape
from tests.scrapes import MINUTE_NS, summary_scrape

NODE, POD, WEB = "node:n1", "namespace:shop/pod:web-1", "namespace:shop/pod:web-1/container:web"
KUBELET = "node:n1/container:kubelet"
TIME = "2017-08-13T10:50:58Z"
PSI = {
    "full": {"total": 1200, "avg10": 0.5, "avg60": 0.25, "avg300": 0},
    "some": {"total": 3400, "avg10": 1.5, "avg60": 1.25, "avg300": 1},
}
ETH0 = {"name": "eth0", "rxBytes": 10, "rxErrors": 0, "txBytes": 20, "txErrors": 1}
ETH1 = {"name": "eth1", "rxBytes": 1000, "txBytes": 2000, "rxErrors": 2}


def summary(node: Mapping[str, Any], pod: Mapping[str, Any], container: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "node": {"nodeName": "n1", **node},
        "pods": [
            {"podRef": {"namespace": "shop", "name": "web-1"}, **pod, "containers": [{"name": "web", **container}]}
        ],
    }


def derived(*scrapes: NodeScrape, rules: LabelRules | None = None) -> NodeResult:
    result, previous = None, None
    for number, scrape in enumerate(scrapes):
        result = derive(scrape, previous, rules or LabelRules(), extended=True)
        previous = node_sample(scrape, result, number)
    assert result is not None
    return result


def values(result: NodeResult, key: str) -> Mapping[str, Number]:
    return next(each.values for each in result.sets if each.key == key)


def labeled(result: NodeResult, key: str) -> dict[str, Mapping[str, Number]]:
    [found] = [each for each in result.sets if each.key == key]
    return {"/".join(each.labels.values()): each.values for each in found.labeled}


def test_swap_is_read_on_every_kind_of_entity() -> None:
    swap = {"swap": {"time": TIME, "swapUsageBytes": 7, "swapAvailableBytes": 9}}
    found = derived(summary_scrape(summary({**swap, "systemContainers": [{"name": "kubelet", **swap}]}, swap, swap)))
    for key in (NODE, KUBELET, POD, WEB):
        assert values(found, key)["memory/swap_usage"] == 7
        assert values(found, key)["memory/swap_available"] == 9


def test_pressure_is_read_for_cpu_memory_and_io() -> None:
    blocks = {name: {"time": TIME, "psi": PSI} for name in ("cpu", "memory", "io")}
    found = derived(
        summary_scrape(summary({**blocks, "systemContainers": [{"name": "kubelet", **blocks}]}, blocks, blocks))
    )
    for key in (NODE, KUBELET, POD, WEB):
        pressure = {name: value for name, value in values(found, key).items() if name.startswith("pressure/")}
        assert len(pressure) == 24
        assert pressure["pressure/io_some_total"] == 3400
        assert pressure["pressure/memory_full_avg10"] == 0.5
        assert type(pressure["pressure/cpu_full_avg300"]) is float


def test_swap_and_pressure_of_containers_are_not_summed_into_the_pod() -> None:
    own = {"cpu": {"time": TIME, "psi": PSI}, "swap": {"swapUsageBytes": 7, "swapAvailableBytes": 9}}
    found = derived(summary_scrape(summary({}, {}, own)))
    assert not {name for name in values(found, POD) if name.startswith(("pressure/", "memory/swap"))}


def test_nodes_and_pods_have_process_counts() -> None:
    node, pod = {"rlimit": {"time": TIME, "maxpid": 125722, "curproc": 1414}}, {"process_stats": {"process_count": 3}}
    found = derived(summary_scrape(summary(node, pod, {})))
    assert (values(found, NODE)["process/count"], values(found, NODE)["process/limit"]) == (1414, 125722)
    assert values(found, POD)["process/count"] == 3


def test_each_interface_has_its_counters_and_those_of_the_default_interface_stay() -> None:
    network = {"network": {"time": TIME, **ETH0, "interfaces": [ETH0, ETH1]}}
    found = derived(summary_scrape(summary(network, network, {})))
    for key in (NODE, POD):
        assert labeled(found, key) == {
            "eth0": {
                "network/interface_rx": 10,
                "network/interface_rx_errors": 0,
                "network/interface_tx": 20,
                "network/interface_tx_errors": 1,
            },
            "eth1": {"network/interface_rx": 1000, "network/interface_rx_errors": 2, "network/interface_tx": 2000},
        }
        assert values(found, key)["network/rx"] == 10


def test_without_a_default_interface_the_network_is_the_sum_of_all_interfaces_with_rates() -> None:
    def scrape(later: int) -> NodeScrape:
        time = f"2017-08-13T10:5{later}:00Z"
        ens5 = {**ETH0, "rxBytes": 10 + 600 * later}
        return summary_scrape(summary({"network": {"time": time, "interfaces": [ens5, ETH1]}}, {}, {}))

    found = values(derived(scrape(0), scrape(1)), NODE)
    assert found["network/rx"] == 1610
    assert found["network/rx_errors"] == 2
    assert found["network/rx_rate"] == 10.0


def test_a_sum_past_64_bits_is_absent_and_counted() -> None:
    huge = {"name": "a", "rxBytes": MAX_INT}
    found = derived(summary_scrape(summary({"network": {"interfaces": [huge, {**huge, "name": "b"}]}}, {}, {})))
    assert "network/rx" not in values(found, NODE)
    assert found.problems == {Problem.SUM_PAST_64_BITS: 1}


def test_a_volume_of_a_claim_has_the_claims_name_as_label() -> None:
    volumes = [
        {"name": "data", "usedBytes": 1, "pvcRef": {"name": "orders", "namespace": "shop"}},
        {"name": "tmp", "usedBytes": 2},
    ]
    found = derived(summary_scrape(summary({}, {"volume": volumes}, {})))
    [pod] = [each for each in found.sets if each.key == POD]
    assert [each.labels for each in pod.labeled] == [
        {"resource_id": "Volume:data", "pvc": "orders"},
        {"resource_id": "Volume:tmp"},
    ]


@pytest.mark.parametrize("extended", [False, True])
def test_each_problem_of_the_document_is_counted_once(*, extended: bool) -> None:
    pod = {
        "podRef": {"namespace": "shop", "name": "web-1"},
        "startTime": "yesterday",
        "network": [],
        "volume": [{"name": 5, "usedBytes": 1}],
        "containers": {},
    }
    scrape = summary_scrape({"node": {"cpu": 7, "memory": "x", "systemContainers": 3}, "pods": [pod]})
    scrape = replace(scrape, document=(scrape.document or b"").replace(b'"memory"', b'"x": NaN, "memory"'))
    found = derive(scrape, None, LabelRules(), extended=extended)
    assert found.problems == {Problem.LENIENT_JSON: 1, Problem.MALFORMED: 6, Problem.UNREADABLE_TIME: 1}


def test_a_dead_containers_successor_has_its_own_extended_metrics() -> None:
    def container(start: str, swap: int) -> dict[str, Any]:
        return {"name": "web", "startTime": start, "swap": {"swapUsageBytes": swap}}

    alive, dead = container("2017-08-13T10:00:00Z", 1), container("2017-08-13T09:00:00Z", 99)
    for both in ([alive, dead], [dead, alive]):
        document = {"pods": [{"podRef": {"namespace": "shop", "name": "web-1"}, "containers": both}]}
        assert values(derived(summary_scrape(document)), WEB)["memory/swap_usage"] == 1


def api_pod(*containers: ApiContainer, owner: str = "web-5f9c", node: str = "n1") -> ApiPod:
    return ApiPod(
        namespace="shop",
        name="web-1",
        uid="u",
        node=node,
        owner_kind="ReplicaSet",
        owner_name=owner,
        labels={"pod-template-hash": "5f9c"},
        containers=containers,
    )


def bounded(name: str = "web", *, limits: Mapping[str, str] | None = None) -> ApiContainer:
    return ApiContainer(
        name=name,
        image="i",
        requests={"cpu": "100m", "memory": "50"},
        limits={"cpu": "1", "memory": "400"} if limits is None else limits,
    )


def shares(*containers: ApiContainer) -> NodeResult:
    """A container that uses 200 millicores and 100 bytes on a node with 4 cores and 1000 bytes (800 allocatable)."""

    def scrape(later: int) -> NodeScrape:
        used = {
            "cpu": {"time": f"2017-08-13T10:5{later}:00Z", "usageCoreNanoSeconds": later * MINUTE_NS // 5},
            "memory": {"usageBytes": 100, "workingSetBytes": 80},
        }
        network = {"network": {"time": f"2017-08-13T10:5{later}:00Z"}}
        return summary_scrape(
            summary({**used, "memory": {"workingSetBytes": 200}}, {**used, **network}, used),
            capacity={"cpu": "4", "memory": "1000"},
            allocatable={"cpu": "3", "memory": "800"},
            pods=(api_pod(*containers),),
        )

    return derived(scrape(0), scrape(1))


def test_usage_relative_to_requests_limits_and_the_node() -> None:
    found = shares(bounded())
    expected = {
        "cpu/request_utilization": 2.0,
        "cpu/limit_utilization": 0.2,
        "memory/request_utilization": 2.0,
        "memory/limit_utilization": 0.25,
        "cpu/node_share": 0.05,
        "memory/node_share": 0.1,
    }
    for key in (WEB, POD):
        assert {name: values(found, key)[name] for name in expected} == expected
    assert values(found, NODE)["memory/node_working_set_utilization"] == 0.25


def test_a_pod_has_no_limit_ratio_if_one_container_has_no_limit() -> None:
    found = shares(bounded(), bounded("side", limits={"cpu": "1"}))
    assert "memory/limit_utilization" not in values(found, POD)
    assert "memory/limit_utilization" in values(found, WEB)
    assert values(found, POD)["cpu/limit_utilization"] == 0.1


def test_there_are_no_ratios_without_usage_or_with_a_zero_divisor() -> None:
    found = derive(summary_scrape(summary({}, {}, {})), None, LabelRules(), extended=True)
    names = {name for each in found.sets for name in each.values}
    assert not {name for name in names if "share" in name or "working_set" in name or name.endswith("t_utilization")}


def test_pods_have_workload_labels_and_contribute_to_their_workload() -> None:
    web = ApiWorkload(namespace="shop", kind="Deployment", name="web", nodes=3)
    scrape = summary_scrape(
        summary({}, {"memory": {"usageBytes": 100}}, {}), pods=(api_pod(bounded()),), workloads=(web,)
    )
    found = derived(scrape)
    for key in (POD, WEB):
        labels = next(each.labels for each in found.sets if each.key == key)
        assert (labels["workload_kind"], labels["workload"]) == ("Deployment", "web")
    by_group = {each.group: each for each in found.contributions}
    assert list(by_group) == ["namespace:shop", "workload:shop/Deployment/web", "cluster"]
    added = by_group["workload:shop/Deployment/web"]
    assert added.sums == by_group["namespace:shop"].sums
    assert (added.nodes_expected, added.namespace_id) == (3, "")


def test_a_pod_of_another_node_contributes_to_its_workload_only_there() -> None:
    found = derived(summary_scrape(summary({}, {}, {}), pods=(api_pod(node="n2"),)))
    assert [each.group for each in found.contributions] == ["cluster"]


def test_a_stored_label_named_workload_is_not_overwritten() -> None:
    scrape = summary_scrape(summary({}, {}, {}), pods=(api_pod(),))
    found = derived(scrape, rules=LabelRules(store={"pod-template-hash": "workload"}))
    assert next(each.labels["workload"] for each in found.sets if each.key == POD) == "5f9c"


def test_a_node_has_metrics_about_its_scrape() -> None:
    scrape = summary_scrape(
        summary({"cpu": {"time": TIME}}, {}, {"cpu": {"time": "2017-08-13T10:50:55Z"}}),
        duration_ns=250_000_000,
        clock_offset_ns=2_000_000_000,
    )
    found = {name: value for name, value in values(derived(scrape), NODE).items() if name.startswith("scrape/")}
    assert found == {
        "scrape/up": 1,
        "scrape/duration": 0.25,
        "scrape/clock_offset": 2.0,
        "scrape/sample_age": 9.0,  # measured with the kubelet's clock
    }


@pytest.mark.parametrize(
    ("cadvisor", "error", "up"),
    [(b"", None, 1), (None, "HTTP 403", 0), (None, None, None)],
    ids=["up", "down", "not scraped"],
)
def test_cadvisor_up_is_set_only_if_cadvisor_was_scraped(
    cadvisor: bytes | None, error: str | None, up: int | None
) -> None:
    scrape = summary_scrape(summary({}, {}, {}), cadvisor=cadvisor, cadvisor_error=error)
    assert values(derived(scrape), NODE).get("scrape/cadvisor_up") == up


@pytest.mark.parametrize(
    "document", [summary({}, {}, {}), summary({"swap": {"swapUsageBytes": 1}}, {"io": {"psi": PSI}}, {})]
)
def test_extended_metrics_do_not_change_heapsters_metrics(document: Any) -> None:
    scrape = summary_scrape(document, pods=(api_pod(bounded()),), capacity={"cpu": "4"}, allocatable={"cpu": "4"})
    plain, more = derive(scrape, None, LabelRules()), derived(scrape)
    known = {each.key: each for each in more.sets}
    for metric_set in plain.sets:
        found = known[metric_set.key]
        assert metric_set.values.items() <= found.values.items()
        assert metric_set.labels.items() <= found.labels.items()
        assert set(found.labels) - set(metric_set.labels) <= {"workload", "workload_kind"}
    assert [each for each in more.contributions if not each.group.startswith("workload:")] == list(plain.contributions)
