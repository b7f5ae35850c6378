from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalogue import METRICS
from schemas.metric_batch import MetricBatch
from scraper.kubelet.cadvisor import used_lines
from simulator.cluster import FED_METRICS, Cluster, ClusterSize
from simulator.objects import Endpoint
from tests.scrapes import processed, scrape_of

NOW_S = 1_767_225_600  # 2026-01-01T00:00:00Z
HOUR_S = 3600
TEN_MINUTES = range(NOW_S, NOW_S + 600, 20)
AN_HOUR = range(NOW_S, NOW_S + HOUR_S, 30)
COUNTERS = ("usageCoreNanoSeconds", "pageFaults", "majorPageFaults", "rxBytes", "rxErrors", "txBytes", "txErrors")


def cluster(nodes: int = 3, pods_per_node: int = 10, **shape: Any) -> Cluster:
    endpoints = [Endpoint(f"127.0.1.{number + 1}", 10255) for number in range(nodes)]
    return Cluster(ClusterSize(nodes=nodes, pods_per_node=pods_per_node, **shape), endpoints)


def documents(which: Cluster, at_s: int) -> list[dict[str, Any]]:
    return [orjson.loads(which.summary(name, at_s)) for name in which.nodes]


def api_pods(which: Cluster, at_s: int) -> list[Mapping[str, Any]]:
    return which.objects(at_s)["pods"]


def seconds(time: str) -> int:
    return int(datetime.fromisoformat(time).timestamp())


def entities(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Everything measured in a document: its key, then its figures."""
    yield "node", document["node"]
    for system in document["node"]["systemContainers"]:
        yield "system/" + system["name"], system
    for pod in document["pods"]:
        yield pod["podRef"]["uid"], pod
        for container in pod["containers"]:
            yield f"{pod['podRef']['uid']}/{container['name']}", container


def counters(entity: Mapping[str, Any]) -> dict[str, int]:
    groups = {**entity.get("cpu", {}), **entity.get("memory", {}), **entity.get("network", {})}
    return {name: groups[name] for name in COUNTERS if name in groups}


def test_the_same_seed_and_time_give_the_same_whatever_was_asked_before() -> None:
    asked_often, asked_once = cluster(), cluster()
    for at_s in AN_HOUR[::20]:
        documents(asked_often, at_s)
    assert documents(asked_often, NOW_S) == documents(asked_once, NOW_S)
    assert asked_often.objects(NOW_S) == asked_once.objects(NOW_S)


def test_another_seed_gives_another_cluster() -> None:
    assert documents(cluster(seed=2), NOW_S) != documents(cluster(seed=1), NOW_S)


@settings(max_examples=settings().max_examples // 3)
@given(seed=st.integers(0, 1000), start_s=st.integers(NOW_S, NOW_S + 10**7), step_s=st.integers(1, 120))
def test_counters_never_fall_but_at_a_restart(seed: int, start_s: int, step_s: int) -> None:
    which = cluster(nodes=1, seed=seed)
    last: dict[tuple[str, str], dict[str, int]] = {}
    for at_s in range(start_s, start_s + 20 * step_s, step_s):
        for document in documents(which, at_s):
            for name, entity in entities(document):
                run = (name, entity["startTime"])
                now = counters(entity)
                assert all(now[each] >= value for each, value in last.get(run, {}).items())
                last[run] = now


def test_every_entity_was_sampled_on_its_own_a_few_seconds_ago() -> None:
    ages = [
        NOW_S - seconds(entity["cpu"]["time"])
        for document in documents(cluster(), NOW_S)
        for _, entity in entities(document)
        if "cpu" in entity
    ]
    assert set(ages) == {1, 2, 3, 4, 5}


def test_nothing_is_sampled_before_it_started() -> None:
    which = cluster(nodes=1)
    for at_s in AN_HOUR:
        for document in documents(which, at_s):
            for _, entity in entities(document):
                assert seconds(entity["cpu"]["time"]) > seconds(entity["startTime"])


def test_pods_come_and_go() -> None:
    which = cluster()
    seen = [set(which.pod_states(at_s)) for at_s in TEN_MINUTES]
    assert all(len(names) == 30 for names in seen)
    assert seen[0] - seen[-1]
    assert seen[-1] - seen[0]


def test_a_new_pod_is_pending_then_running_and_in_the_end_terminating() -> None:
    life = next(state.life for state in cluster().pod_states(NOW_S).values() if state.life.workload.name == "cart")
    found = [
        (life.state(at_s).phase, life.state(at_s).terminating)
        for at_s in (life.created_s, life.created_s + 2, life.ends_s - 6, life.ends_s - 5)
    ]
    assert found == [("Pending", False), ("Running", False), ("Running", False), ("Running", True)]


def test_labels_change() -> None:
    which = cluster()
    tracks = {
        (pod["metadata"]["uid"], pod["metadata"]["labels"]["track"])
        for at_s in TEN_MINUTES
        for pod in api_pods(which, at_s)
        if "track" in pod["metadata"]["labels"]
    }
    uids = [uid for uid, _ in tracks]
    assert len(uids) > len(set(uids))


def test_a_container_that_died_starts_again_and_the_dead_one_is_listed_for_a_while() -> None:
    which = cluster()
    twice_listed = set()
    for at_s in AN_HOUR:
        for document in documents(which, at_s):
            for pod in document["pods"]:
                names = [container["name"] for container in pod["containers"]]
                if len(names) != len(set(names)):
                    starts = [each["startTime"] for each in pod["containers"] if each["name"] == "proxy"]
                    twice_listed.add(starts == sorted(starts))
    assert twice_listed == {True, False}


def test_restarts_are_counted_where_the_container_began_anew() -> None:
    which = cluster()
    for at_s in TEN_MINUTES:
        measured = {name: entity for document in documents(which, at_s) for name, entity in entities(document)}
        for state in which.pod_states(at_s).values():
            for container, restarts in zip(state.life.containers, state.restarts, strict=True):
                entity = measured.get(f"{state.life.kubelet_uid}/{container.spec.name}")
                if entity is not None:
                    assert seconds(entity["startTime"]) in {
                        container.start_s(n) for n in (restarts, max(restarts - 1, 0))
                    }


def pods_of(which: Cluster, at_s: int, workload: str) -> list[tuple[Mapping[str, Any], Mapping[str, Any] | None]]:
    """The API object of each pod of a workload, with what the kubelet says of it, if it says anything."""
    measured = {pod["podRef"]["name"]: pod for document in documents(which, at_s) for pod in document["pods"]}
    return [
        (pod, measured.get(pod["metadata"]["name"]))
        for pod in api_pods(which, at_s)
        if pod["metadata"]["name"].startswith(workload)
    ]


def test_a_finished_job_is_in_the_api_but_not_measured() -> None:
    which = cluster(nodes=1)
    found = [pair for at_s in AN_HOUR for pair in pods_of(which, at_s, "report")]
    finished = [measured for pod, measured in found if pod["status"]["phase"] == "Succeeded"]
    running = [measured for pod, measured in found if pod["status"]["phase"] == "Running"]
    assert finished
    assert not any(finished)
    assert any(running)


def test_a_container_in_a_crash_loop_is_not_measured() -> None:
    pod, measured = pods_of(cluster(), NOW_S, "importer")[0]
    waiting = pod["status"]["containerStatuses"][1]
    assert waiting["name"] == "transform"
    assert waiting["state"] == {"waiting": {"reason": "CrashLoopBackOff"}}
    assert waiting["restartCount"] > 0
    assert measured is not None
    assert [container["name"] for container in measured["containers"]] == ["fetch"]


def test_a_pod_on_the_hosts_network_has_none_of_its_own() -> None:
    pod, measured = pods_of(cluster(), NOW_S, "kube-proxy")[0]
    assert pod["spec"]["hostNetwork"] is True
    assert pod["status"]["podIP"] == "127.0.1.1"
    assert measured is not None
    assert "network" not in measured


def test_the_kubelet_knows_a_static_pod_by_another_uid() -> None:
    pod, measured = pods_of(cluster(), NOW_S, "node-cache")[0]
    assert pod["metadata"]["name"] == "node-cache-node-000"
    assert measured is not None
    assert measured["podRef"]["uid"] != pod["metadata"]["uid"]
    assert measured["podRef"]["uid"] == pod["metadata"]["annotations"]["kubernetes.io/config.mirror"]


def test_a_pod_that_no_node_has_room_for_is_pending() -> None:
    pending = pods_of(cluster(), NOW_S, "giant")
    assert [(pod["status"]["phase"], pod["spec"].get("nodeName"), measured) for pod, measured in pending] == [
        ("Pending", None, None)
    ]


def test_an_init_container_is_in_the_api_only() -> None:
    pod, measured = pods_of(cluster(), NOW_S, "storefront")[0]
    assert [each["name"] for each in pod["spec"]["initContainers"]] == ["migrate"]
    assert measured is not None
    assert {container["name"] for container in measured["containers"]} == {"web", "proxy"}


@pytest.mark.parametrize(
    ("unready_nodes", "expected"), [pytest.param(False, 0, id="by default"), pytest.param(True, 60, id="if asked to")]
)
def test_how_long_a_node_is_not_ready_in_ten_minutes(*, unready_nodes: bool, expected: int) -> None:
    which = cluster(nodes=1, unready_nodes=unready_nodes)
    states = [which.node_states(at_s)["node-000"] for at_s in range(NOW_S, NOW_S + 600)]
    assert sum(not state.ready for state in states) == expected


def test_a_node_tells_where_its_kubelet_is() -> None:
    node: Any = cluster().objects(NOW_S)["nodes"][1]
    assert node["status"]["addresses"] == [
        {"type": "InternalIP", "address": "127.0.1.2"},
        {"type": "Hostname", "address": "node-001"},
    ]
    assert node["status"]["daemonEndpoints"] == {"kubeletEndpoint": {"Port": 10255}}


def test_no_two_objects_have_one_name_or_uid() -> None:
    pods = api_pods(cluster(nodes=40, pods_per_node=30), NOW_S)
    assert len(pods) == 1201
    assert len({(pod["metadata"]["namespace"], pod["metadata"]["name"]) for pod in pods}) == 1201
    assert len({pod["metadata"]["uid"] for pod in pods}) == 1201


def batches(which: Cluster) -> list[MetricBatch]:
    """What the processor's core makes of a few scrapes."""
    times = range(NOW_S, NOW_S + 180, 60)
    windows = []
    for at_s in times:
        objects: Any = which.objects(at_s)
        scrapes = (
            scrape_of(
                node,
                which.summary(node["metadata"]["name"], at_s + 5),
                pods=objects["pods"],
                namespaces=objects["namespaces"],
                window_end_ns=at_s * 10**9,
            )
            for node in objects["nodes"]
        )
        windows.append(
            [
                replace(scrape, cadvisor=used_lines(which.cadvisor(scrape.node, at_s + 5)), clock_offset_ns=0)
                for scrape in scrapes
            ]
        )
    return [batch for window in processed(windows, extended=True) for batch in window]


def metrics(which: Cluster) -> set[str]:
    sets = [each for batch in batches(which) for each in batch.sets]
    return {name for each in sets for name in each.values} | {
        name for each in sets for labeled in each.labeled for name in labeled.values
    }


@pytest.mark.parametrize(("nodes", "pods_per_node"), [(1, 1), (3, 10)])
def test_the_metrics_said_to_be_fed_are_fed(nodes: int, pods_per_node: int) -> None:
    assert metrics(cluster(nodes, pods_per_node)) >= FED_METRICS


def test_no_metric_of_the_catalogue_is_left_out() -> None:
    assert {metric.name for metric in METRICS} <= FED_METRICS


def test_the_smallest_cluster_feeds_nothing_else() -> None:
    assert metrics(cluster(1, 1)) == FED_METRICS


def test_cadvisor_and_the_summary_tell_of_the_same_entities() -> None:
    """Every one has what only cadvisor knows, if its own cgroup was sampled in time."""
    for batch in batches(cluster()):
        for each in batch.sets:
            if "memory/usage" in each.values and each.type not in {"cluster", "ns", "workload"}:
                assert "memory/cache" in each.values, each.key
                assert "cpu/load" in each.values, each.key


def test_pods_belong_to_workloads_of_every_kind() -> None:
    kinds = {
        each.labels["workload_kind"] for batch in batches(cluster()) for each in batch.sets if each.type == "workload"
    }
    assert kinds == {"Deployment", "StatefulSet", "DaemonSet", "CronJob"}
