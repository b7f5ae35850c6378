from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from processor.core.decode import decode
from processor.core.entity import Entities
from processor.core.problems import Problem, Problems
from tests.scrapes import summary_scrape, time_ns

# a document like those of kubelets of 2017, with the irregularities of real ones
WORKED_EXAMPLE = b"""
{"node":{"nodeName":"n1","startTime":"2017-08-01T00:00:00Z",
  "cpu":{"time":"2017-08-13T10:50:58Z","usageNanoCores":9,"usageCoreNanoSeconds":5000},
  "memory":{"time":"2017-08-13T10:50:59Z","availableBytes":1,"usageBytes":100,"workingSetBytes":80,"rssBytes":60,"pageFaults":7},
  "network":{"time":"2017-08-13T10:50:55Z","name":"eth0","rxBytes":10,"txBytes":20,
    "interfaces":[{"name":"eth0","rxBytes":10,"txBytes":20},{"name":"eth1","rxBytes":1000,"txBytes":2000}]},
  "fs":{"availableBytes":30,"capacityBytes":50,"usedBytes":20,"inodesFree":18446744073709551615},
  "systemContainers":[{"name":"runtime","memory":{"time":"2017-08-13T10:50:57Z","usageBytes":5}}]},
 "pods":[{"podRef":{"name":"web-1","namespace":"default","uid":"p-uid"},"startTime":"2017-08-02T00:00:00Z",
  "cpu":{"time":"2017-08-13T10:50:56Z","usageCoreNanoSeconds":900},
  "volume":[{"name":"data","usedBytes":1,"pvcRef":{"name":"c","namespace":"default"}}],
  "containers":[{"name":"web","startTime":"2017-08-02T00:00:01Z","rootfs":{"usedBytes":3,"inodesUsed":2},"logs":{"usedBytes":4},
    "accelerators":[{"make":"nvidia","model":"t4","id":"g0","memoryTotal":10}],
    "userDefinedMetrics":[{"name":"qps","type":"gauge","value":2},{"name":"h","type":"histogram","value":1}]},
   {"name":"web","startTime":"2017-08-01T23:59:00Z","cpu":{"time":"2017-08-13T10:50:00Z","usageCoreNanoSeconds":77}}]}]}
"""
NODE, RUNTIME = "node:n1", "node:n1/container:docker-daemon"
POD = "namespace:default/pod:web-1"
WEB = f"{POD}/container:web"
T = "2017-08-13T10:00:00Z"


def decoded(document: object, **fields: Any) -> tuple[Entities, Problems]:
    problems: Problems = Counter()
    return decode(summary_scrape(document, **fields), problems), problems


def pod(*containers: object, name: str = "web-1", **fields: object) -> dict[str, object]:
    return {"podRef": {"name": name, "namespace": "default", "uid": "p-uid"}, "containers": containers, **fields}


def container(entities: Entities, name: str = "web") -> dict[str, float]:
    return dict(entities[f"{POD}/container:{name}"].values)


def labeled(entities: Entities, key: str) -> dict[str, dict[str, float]]:
    return {",".join(labels.values()): dict(values) for labels, values in entities[key].labeled}


def test_worked_example_values() -> None:
    entities, _ = decoded(WORKED_EXAMPLE)
    assert {key: dict(entity.values) for key, entity in entities.items()} == {
        NODE: {
            "uptime": 1_075_865_000,
            "cpu/usage": 5000,
            "memory/usage": 100,
            "memory/working_set": 80,
            "memory/rss": 60,
            "memory/page_faults": 7,
            "network/rx": 10,
            "network/tx": 20,
            "ephemeral_storage/usage": 20,
        },
        RUNTIME: {"memory/usage": 5},
        POD: {"uptime": 989_465_000, "cpu/usage": 900},
        WEB: {"uptime": 989_464_000, "ephemeral_storage/usage": 7, "custom/qps": 2.0},
    }
    assert isinstance(entities[WEB].values["custom/qps"], float)


def test_worked_example_labeled_values_without_the_inodes_that_heapster_wrote_as_minus_1() -> None:
    entities, problems = decoded(WORKED_EXAMPLE)
    assert labeled(entities, NODE) == {
        "/": {"filesystem/usage": 20, "filesystem/limit": 50, "filesystem/available": 30}
    }
    assert labeled(entities, RUNTIME) == {}
    assert labeled(entities, POD) == {"Volume:data": {"filesystem/usage": 1}}
    assert labeled(entities, WEB) == {
        "nvidia,t4,g0": {"accelerator/memory_total": 10, "accelerator/memory_used": 0, "accelerator/duty_cycle": 0},
        "/": {"filesystem/usage": 3},
        "logs": {"filesystem/usage": 4},
    }
    assert problems == {Problem.PAST_64_BITS: 1, Problem.UNKNOWN_CUSTOM_TYPE: 1}


def test_worked_example_labels() -> None:
    entities, _ = decoded(WORKED_EXAMPLE)
    node = {"nodename": "n1", "hostname": "h1", "host_id": "i-1"}
    web = {**node, "pod_id": "p-uid", "pod_name": "web-1", "namespace_name": "default"}
    assert {key: entity.labels for key, entity in entities.items()} == {
        NODE: {**node, "type": "node"},
        RUNTIME: {**node, "type": "sys_container", "container_name": "docker-daemon"},
        POD: {**web, "type": "pod"},
        WEB: {**web, "type": "pod_container", "container_name": "web"},
    }
    assert labeled(entities, WEB).keys() == {"nvidia,t4,g0", "/", "logs"}
    assert entities[WEB].labeled[0].labels == {"make": "nvidia", "model": "t4", "accelerator_id": "g0"}


def test_worked_example_times() -> None:
    entities, _ = decoded(WORKED_EXAMPLE)
    assert {key: (entity.scrape_ns, entity.collection_start_ns) for key, entity in entities.items()} == {
        NODE: (time_ns("2017-08-13T10:50:58Z"), time_ns("2017-08-01T00:00:00Z")),
        RUNTIME: (time_ns("2017-08-13T10:50:57Z"), None),
        POD: (None, time_ns("2017-08-02T00:00:00Z")),
        WEB: (None, time_ns("2017-08-02T00:00:01Z")),
    }


@pytest.mark.parametrize("document", [b"{}", b"null", b'{"pods": null}', b'{"node": {}}', b'{"unknown": [1]}'])
def test_an_empty_document_is_a_node_without_values(document: bytes) -> None:
    entities, problems = decoded(document)
    assert list(entities) == [NODE]
    assert entities[NODE].values == {}
    assert not problems


def test_the_node_has_its_name_in_the_api_and_a_different_name_in_the_document_is_counted() -> None:
    entities, problems = decoded({"node": {"nodeName": "N1.example.com", "systemContainers": [{"name": "kubelet"}]}})
    assert list(entities) == [NODE, "node:n1/container:kubelet"]
    assert problems == {Problem.NODE_NAME_MISMATCH: 1}


def test_a_node_without_a_hostname_has_its_name_as_hostname() -> None:
    entities, _ = decoded({}, hostname="")
    assert entities[NODE].labels["hostname"] == "n1"


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        pytest.param({"cpu": 1, "memory": 2, "network": 3}, 1, id="the cpu's first"),
        pytest.param({"memory": 2, "network": 3}, 2, id="then the memory's"),
        pytest.param({"network": 3}, 3, id="then the network's"),
        pytest.param({}, None, id="none"),
    ],
)
def test_scrape_time_of_a_node(times: dict[str, int], expected: int | None) -> None:
    node = {part: {"time": f"1970-01-01T00:00:0{second}Z"} for part, second in times.items()}
    entities, _ = decoded({"node": node})
    assert entities[NODE].scrape_ns == (None if expected is None else expected * 10**9)


def test_scrape_time_of_a_pod_is_the_time_of_its_network() -> None:
    parts: dict[str, Any] = {
        part: {"time": f"1970-01-01T00:00:0{at}Z"} for at, part in enumerate(("cpu", "memory", "network"))
    }
    entities, _ = decoded({"pods": [pod(**parts)]})
    assert entities[POD].scrape_ns == 2 * 10**9
    parts.pop("network")
    entities, _ = decoded({"pods": [pod(**parts)]})
    assert entities[POD].scrape_ns is None


def test_scrape_time_of_a_container_is_the_time_of_its_cpu_or_else_its_memory() -> None:
    cpu, memory = {"time": "1970-01-01T00:00:01Z"}, {"time": "1970-01-01T00:00:02Z"}
    entities, _ = decoded({"pods": [pod({"name": "a", "cpu": cpu, "memory": memory}, {"name": "b", "memory": memory})]})
    assert entities[f"{POD}/container:a"].scrape_ns == 1 * 10**9
    assert entities[f"{POD}/container:b"].scrape_ns == 2 * 10**9


@pytest.mark.parametrize(
    ("reported", "expected"),
    [("kubelet", "kubelet"), ("runtime", "docker-daemon"), ("misc", "system"), ("pods", "pods"), ("a/b", "a/b")],
)
def test_names_of_system_containers(reported: str, expected: str) -> None:
    entities, _ = decoded({"node": {"systemContainers": [{"name": reported}]}})
    assert entities[f"node:n1/container:{expected}"].labels["container_name"] == expected


def test_a_pod_container_called_runtime_keeps_its_name() -> None:
    entities, _ = decoded({"pods": [pod({"name": "runtime"})]})
    assert entities[f"{POD}/container:runtime"].labels["container_name"] == "runtime"


def test_all_fields_of_a_node() -> None:
    node = {
        "cpu": {"usageCoreNanoSeconds": 1},
        "memory": {
            "usageBytes": 2,
            "workingSetBytes": 3,
            "rssBytes": 4,
            "pageFaults": 5,
            "majorPageFaults": 6,
        },
        "network": {"rxBytes": 7, "rxErrors": 8, "txBytes": 9, "txErrors": 10},
        "fs": {"usedBytes": 11, "capacityBytes": 12, "availableBytes": 13, "inodes": 14, "inodesFree": 15},
        "runtime": {"imageFs": {"usedBytes": 99}},
    }
    entities, problems = decoded({"node": node})
    assert entities[NODE].values == {
        "cpu/usage": 1,
        "memory/usage": 2,
        "memory/working_set": 3,
        "memory/rss": 4,
        "memory/page_faults": 5,
        "memory/major_page_faults": 6,
        "network/rx": 7,
        "network/rx_errors": 8,
        "network/tx": 9,
        "network/tx_errors": 10,
        "ephemeral_storage/usage": 11,
    }
    assert labeled(entities, NODE) == {
        "/": {
            "filesystem/usage": 11,
            "filesystem/limit": 12,
            "filesystem/available": 13,
            "filesystem/inodes": 14,
            "filesystem/inodes_free": 15,
        }
    }
    assert not problems


def test_all_fields_of_a_pod() -> None:
    parts: dict[str, Any] = {
        "cpu": {"usageCoreNanoSeconds": 1},
        "memory": {"usageBytes": 2},
        "network": {"rxBytes": 3},
        "ephemeral-storage": {"usedBytes": 4},
        "volume": [{"name": "a", "capacityBytes": 5}, {"name": "b"}, {"name": "c", "inodes": 6}],
    }
    entities, _ = decoded({"pods": [pod(**parts)]})
    assert entities[POD].values == {"cpu/usage": 1, "memory/usage": 2, "network/rx": 3, "ephemeral_storage/usage": 4}
    assert labeled(entities, POD) == {"Volume:a": {"filesystem/limit": 5}, "Volume:c": {"filesystem/inodes": 6}}


def test_a_container_has_no_network_and_unknown_fields_are_ignored() -> None:
    web = {"name": "web", "network": {"rxBytes": 1}, "swap": {"swapUsageBytes": 2}, "cpu": {"usageCoreNanoSeconds": 3}}
    entities, problems = decoded({"pods": [pod(web)]})
    assert container(entities) == {"cpu/usage": 3}
    assert not problems


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({"rootfs": {"usedBytes": 3}, "logs": {"usedBytes": 4}}, 7, id="sum of both"),
        pytest.param({"rootfs": {"usedBytes": 3}}, None, id="no logs"),
        pytest.param({"logs": {"usedBytes": 4}}, None, id="no root file system"),
        pytest.param({"rootfs": {"usedBytes": 3}, "logs": {"capacityBytes": 9}}, None, id="logs without a number"),
        pytest.param({"rootfs": {"usedBytes": None}, "logs": {"usedBytes": 4}}, None, id="null: it crashed Heapster"),
    ],
)
def test_ephemeral_storage_of_a_container(parts: dict[str, object], expected: int | None) -> None:
    entities, _ = decoded({"pods": [pod({"name": "web", **parts})]})
    assert container(entities).get("ephemeral_storage/usage") == expected


def test_an_ephemeral_storage_sum_past_64_bits_is_absent_but_its_parts_are_not() -> None:
    full = {"usedBytes": 2**63 - 1}
    entities, problems = decoded({"pods": [pod({"name": "web", "rootfs": full, "logs": full})]})
    assert container(entities) == {}
    assert labeled(entities, WEB) == {key: {"filesystem/usage": 2**63 - 1} for key in ("/", "logs")}
    assert problems == {Problem.SUM_PAST_64_BITS: 1}


@pytest.mark.parametrize(
    ("reported", "expected"),
    [
        pytest.param([{"name": "a", "type": "gauge", "value": 1.5}], {"custom/a": 1.5}, id="gauge"),
        pytest.param([{"name": "a", "type": "cumulative", "value": 2}], {"custom/a": 2.0}, id="cumulative"),
        pytest.param([{"name": "a", "type": "delta", "value": 3}], {"custom/a": 3.0}, id="delta"),
        pytest.param([{"name": "a", "type": "histogram", "value": 4}], {}, id="unknown type"),
        pytest.param([{"name": "a", "type": "gauge"}], {}, id="no value"),
        pytest.param([{"type": "gauge", "value": 4}], {}, id="no name"),
        pytest.param(
            [{"name": "a", "type": "gauge", "value": 5}, {"name": "a", "type": "gauge", "value": 6}],
            {"custom/a": 6.0},
            id="the last value of a name wins",
        ),
        pytest.param([{"name": "a/b", "type": "gauge", "value": -7}], {"custom/a/b": -7.0}, id="any name, any sign"),
        pytest.param(None, {}, id="null"),
    ],
)
def test_custom_metrics(reported: object, expected: dict[str, float]) -> None:
    entities, _ = decoded({"pods": [pod({"name": "web", "userDefinedMetrics": reported})]})
    assert container(entities) == expected
    assert all(isinstance(value, float) for value in container(entities).values())


@pytest.mark.parametrize(
    ("starts", "kept"),
    [
        pytest.param([T, "2017-08-13T09:59:00Z", "2017-08-13T09:59:00Z"], 0, id="followed by two older ones"),
        pytest.param(["2017-08-13T09:59:00Z", T], 1, id="the later start, whatever the order"),
        pytest.param([T, T], 1, id="equal starts: the one listed later"),
        pytest.param([T, None], 0, id="a start time, then none"),
        pytest.param([None, T], 1, id="no start time, then one"),
        pytest.param([None, None], 1, id="no start times: the one listed later"),
    ],
)
def test_one_of_several_containers_with_the_same_name_is_kept(starts: list[str | None], kept: int) -> None:
    listed = [
        {"name": "web", "startTime": start, "cpu": {"usageCoreNanoSeconds": at}} for at, start in enumerate(starts)
    ]
    entities, _ = decoded({"pods": [pod(*listed)]})
    assert container(entities)["cpu/usage"] == kept


def test_containers_with_the_same_name_are_compared_across_the_whole_document() -> None:
    running = {"name": "web", "startTime": T, "cpu": {"usageCoreNanoSeconds": 1}}
    dead = {"name": "web", "startTime": "2017-08-13T09:59:00Z"}
    entities, _ = decoded({"pods": [pod(running, memory={"usageBytes": 1}), pod(dead, memory={"usageBytes": 2})]})
    assert container(entities)["cpu/usage"] == 1
    assert entities[POD].values["memory/usage"] == 2  # of a pod listed twice, the later entry is kept


@pytest.mark.parametrize(
    ("start", "expected_ms"),
    [
        pytest.param("2017-08-13T10:51:00Z", 5000, id="five seconds"),
        pytest.param("2017-08-13T10:51:04.9991Z", 0, id="less than a millisecond"),
        pytest.param("2017-08-13T10:51:06.5Z", -1500, id="the node's clock is ahead"),
        pytest.param("2017-08-13T10:51:05.0019Z", -1, id="truncated toward zero"),
        pytest.param("0001-01-01T00:00:00Z", None, id="no start time"),
        pytest.param(None, None, id="null"),
    ],
)
def test_uptime_is_the_time_from_the_start_to_the_scrape(start: str | None, expected_ms: int | None) -> None:
    entities, _ = decoded({"node": {"startTime": start}})
    assert entities[NODE].values.get("uptime") == expected_ms


@pytest.mark.parametrize(
    ("cpu", "problem"),
    [
        pytest.param('{"usageCoreNanoSeconds": -5}', Problem.NEGATIVE, id="negative"),
        pytest.param('{"usageCoreNanoSeconds": 5.5}', Problem.NOT_A_WHOLE_NUMBER, id="fractional"),
        pytest.param('{"usageCoreNanoSeconds": 1e3}', Problem.NOT_A_WHOLE_NUMBER, id="exponent"),
        pytest.param('{"usageCoreNanoSeconds": "5"}', Problem.NOT_A_WHOLE_NUMBER, id="quoted"),
        pytest.param('{"usageCoreNanoSeconds": 18446744073709551616}', Problem.PAST_64_BITS, id="past 2^64"),
        pytest.param('{"usageCoreNanoSeconds": NaN}', Problem.NOT_A_WHOLE_NUMBER, id="NaN"),
        pytest.param('{"time": "later"}', Problem.UNREADABLE_TIME, id="time"),
        pytest.param('"broken"', Problem.MALFORMED, id="a string where an object is expected"),
        pytest.param("[]", Problem.MALFORMED, id="a list where an object is expected"),
    ],
)
def test_only_an_unreadable_field_is_dropped(cpu: str, problem: Problem) -> None:
    document = f'{{"node": {{"cpu": {cpu}, "memory": {{"usageBytes": 100}}}}, "pods": []}}'
    entities, problems = decoded(document.encode())
    assert entities[NODE].values == {"memory/usage": 100}
    assert problems[problem] == 1


@pytest.mark.parametrize(
    ("broken", "problem"),
    [
        pytest.param({}, Problem.UNNAMED_POD, id="without podRef"),
        pytest.param({"podRef": {"name": "x"}}, Problem.UNNAMED_POD, id="without namespace"),
        pytest.param({"podRef": {"namespace": "x"}}, Problem.UNNAMED_POD, id="without name"),
        pytest.param({"podRef": ["x", "y"]}, Problem.MALFORMED, id="podRef is a list"),
        pytest.param("pod", Problem.MALFORMED, id="a string"),
        pytest.param(pod({"cpu": {}}, name="other"), Problem.UNNAMED_CONTAINER, id="a container without name"),
    ],
)
def test_only_an_unreadable_pod_or_container_is_dropped(broken: object, problem: Problem) -> None:
    entities, problems = decoded({"pods": [broken, pod({"name": "web"})]})
    assert {NODE, POD, WEB} <= entities.keys()
    assert not any("container:" in key for key in entities.keys() - {WEB})
    assert problems[problem] == 1


def test_if_pods_is_not_a_list_the_node_is_kept() -> None:
    entities, problems = decoded({"node": {"memory": {"usageBytes": 1}}, "pods": {"web-1": {}}})
    assert list(entities) == [NODE]
    assert problems == {Problem.MALFORMED: 1}


def test_a_failed_scrape_cannot_be_decoded() -> None:
    failed = replace(summary_scrape({}), document=None, error="HTTP 500")
    with pytest.raises(ValueError, match="node 'n1': a failed scrape has no document: HTTP 500"):
        decode(failed, Counter())
