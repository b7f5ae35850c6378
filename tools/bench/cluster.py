"""The cluster that is measured: every node runs 30 pods of 2 containers, which makes 2,632 values in 94 metric sets.

Figures grow steadily with time, so that every counter has its rate; documents and API objects look as real ones do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from ipaddress import ip_address
from typing import Any, Final, TypeAlias

import orjson

from schemas.node_scrape import NodeScrape
from scraper.cluster.objects import namespace_of, node_of, pod_of
from scraper.cluster.snapshot import Snapshot
from scraper.rounds.record import Outcome, Round

PODS: Final = 30
CONTAINERS: Final = 2
PODS_WITH_VOLUME: Final = 20
RESOLUTION_NS: Final = 60_000_000_000
VALUES: Final = 2632  # of a node's batch, from its second scrape on

_NS_PER_S: Final = 1_000_000_000
_NAMESPACES: Final = ("default", "kube-system", "shop", "batch", "ml", "staging")
_STARTED_S: Final = 1_700_000_000
_FIRST_ADDRESS: Final = ip_address("127.1.0.1")
_GIB: Final = 2**30

Json: TypeAlias = dict[str, Any]


def node_name(number: int) -> str:
    """Name of a node, as clouds give them."""
    return f"ip-10-{number // 250}-{number % 250}-17.eu-central-1.compute.internal"


def address(number: int) -> str:
    """The loopback address of a node's kubelet."""
    return str(_FIRST_ADDRESS + number)


def objects(nodes: int) -> dict[str, list[Json]]:
    """All objects of the API, by resource."""
    return {
        "namespaces": [
            {"metadata": {"name": name, "uid": _uid(0, index), "labels": {"team": name}}}
            for index, name in enumerate(_NAMESPACES)
        ],
        "nodes": [_node_object(number) for number in range(nodes)],
        "pods": [_pod_object(number, pod) for number in range(nodes) for pod in range(PODS)],
    }


def document(node: int, at_s: int) -> bytes:
    """What a node's kubelet answers at that time."""
    sampled = _rfc3339(at_s - 3)
    return orjson.dumps(
        {
            "node": {
                "nodeName": node_name(node),
                "startTime": _rfc3339(_STARTED_S),
                "systemContainers": [
                    {"name": name, **_usage(at_s, node, index, sampled), "startTime": _rfc3339(_STARTED_S)}
                    for index, name in enumerate(("kubelet", "runtime", "pods"))
                ],
                **_usage(at_s, node, 7, sampled),
                "network": _network(at_s, node, sampled),
                "fs": _filesystem(node, sampled),
                "runtime": {"imageFs": _filesystem(node, sampled)},
            },
            "pods": [_pod_document(node, pod, at_s, sampled) for pod in range(PODS)],
        }
    )


def snapshot(nodes: int) -> Snapshot:
    """The cluster as a scraper sees it."""
    served = objects(nodes)
    return Snapshot.of(
        [node_of(each, "") for each in served["nodes"]],
        [pod_of(each) for each in served["pods"]],
        [namespace_of(each) for each in served["namespaces"]],
    )


def scrapes(seen: Snapshot, window_end_ns: int) -> Iterator[NodeScrape]:
    """The records of one window, as a scraper puts them together."""
    this = Round(cluster="default", resolution_ns=RESOLUTION_NS, window_end_ns=window_end_ns, snapshot=seen)
    at_s = window_end_ns // _NS_PER_S + 5
    for number, node in enumerate(seen.nodes.values()):
        outcome = Outcome(
            document=document(number, at_s),
            pods=frozenset((pod.namespace, pod.name) for pod in seen.pods.of_node[node.name]),
            finished_at_ns=at_s * _NS_PER_S,
            duration_ns=5_000_000,
            clock_offset_ns=0,
        )
        yield this.record(node, outcome)


def _node_object(number: int) -> Json:
    name = node_name(number)
    amounts = {"cpu": "16", "memory": "65536000Ki", "ephemeral-storage": "100Gi", "pods": "110"}
    return {
        "metadata": {
            "name": name,
            "uid": _uid(number, 999),
            "labels": {
                "kubernetes.io/arch": "amd64",
                "kubernetes.io/os": "linux",
                "kubernetes.io/hostname": name,
                "node.kubernetes.io/instance-type": "m5.4xlarge",
                "topology.kubernetes.io/region": "eu-central-1",
                "topology.kubernetes.io/zone": f"eu-central-1{'abc'[number % 3]}",
            },
        },
        "spec": {"externalID": f"i-{number:017x}"},
        "status": {
            "capacity": amounts,
            "allocatable": {**amounts, "cpu": "15890m", "memory": "60000000Ki"},
            "addresses": [
                {"type": "InternalIP", "address": address(number)},
                {"type": "Hostname", "address": name},
            ],
            "conditions": [{"type": "Ready", "status": "True"}],
        },
    }


def _pod_object(node: int, pod: int) -> Json:
    namespace, name = _pod_name(node, pod)
    app = f"app-{pod % 12}"
    return {
        "metadata": {
            "namespace": namespace,
            "name": name,
            "uid": _uid(node, pod),
            "labels": {
                "app.kubernetes.io/name": app,
                "app.kubernetes.io/part-of": namespace,
                "pod-template-hash": f"{pod:010x}",
            },
            "ownerReferences": [{"kind": "ReplicaSet", "name": f"{app}-{pod:010x}", "controller": True}],
        },
        "spec": {
            "nodeName": node_name(node),
            "containers": [
                {
                    "name": _container(index),
                    "image": f"registry.example/{namespace}/{app}:1.{index}.7",
                    "resources": {
                        "requests": {"cpu": "100m", "memory": "128Mi", "ephemeral-storage": "1Gi"},
                        "limits": {"cpu": "1", "memory": "256Mi"},
                    },
                }
                for index in range(CONTAINERS)
            ],
        },
        "status": {
            "phase": "Running",
            "startTime": _rfc3339(_STARTED_S),
            "containerStatuses": [{"name": _container(index), "restartCount": index} for index in range(CONTAINERS)],
        },
    }


def _pod_document(node: int, pod: int, at_s: int, sampled: str) -> Json:
    namespace, name = _pod_name(node, pod)
    number = node * PODS + pod
    volumes = [{"name": "data", **_filesystem(number, sampled)}] if pod < PODS_WITH_VOLUME else []
    return {
        "podRef": {"name": name, "namespace": namespace, "uid": _uid(node, pod)},
        "startTime": _rfc3339(_STARTED_S),
        "containers": [
            {
                "name": _container(index),
                "startTime": _rfc3339(_STARTED_S + index),
                **_usage(at_s, number, index, sampled),
                "rootfs": _filesystem(number, sampled),
                "logs": _filesystem(number + index, sampled),
            }
            for index in range(CONTAINERS)
        ],
        **_usage(at_s, number, CONTAINERS, sampled),
        "network": _network(at_s, number, sampled),
        "volume": volumes,
        "ephemeral-storage": _filesystem(number, sampled),
    }


def _usage(at_s: int, number: int, index: int, sampled: str) -> Json:
    up_s, salt = at_s - _STARTED_S, number * 31 + index
    bytes_used = 50_000_000 + salt * 40_961 % 400_000_000 + at_s % 1009 * 4096
    return {
        "cpu": {
            "time": sampled,
            "usageNanoCores": 23_000_000 + salt,
            "usageCoreNanoSeconds": up_s * (23_000_000 + salt % 9_000_000),
        },
        "memory": {
            "time": sampled,
            "usageBytes": bytes_used,
            "workingSetBytes": bytes_used * 4 // 5,
            "rssBytes": bytes_used * 3 // 5,
            "pageFaults": up_s * (7 + salt % 5) + salt,
            "majorPageFaults": up_s // (50 + salt % 7),
        },
    }


def _network(at_s: int, number: int, sampled: str) -> Json:
    up_s = at_s - _STARTED_S
    counters = {
        "rxBytes": up_s * (6000 + number % 777),
        "rxErrors": up_s // 1000,
        "txBytes": up_s * (3000 + number % 777),
        "txErrors": up_s // 2000,
    }
    return {"time": sampled, "name": "eth0", **counters, "interfaces": [{"name": "eth0", **counters}]}


def _filesystem(number: int, sampled: str) -> Json:
    used_bytes = _GIB + number * 4096 % _GIB
    return {
        "time": sampled,
        "availableBytes": 100 * _GIB - used_bytes,
        "capacityBytes": 100 * _GIB,
        "usedBytes": used_bytes,
        "inodesFree": 6_500_000,
        "inodes": 6_553_600,
        "inodesUsed": 53_600,
    }


def _pod_name(node: int, pod: int) -> tuple[str, str]:
    return _NAMESPACES[pod % len(_NAMESPACES)], f"app-{pod % 12}-{pod:010x}-{node:05x}"


def _container(index: int) -> str:
    return ("server", "sidecar")[index]


def _uid(node: int, number: int) -> str:
    return f"{node:08x}-7d4f-11ee-b962-{number:012x}"


@cache
def _rfc3339(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
