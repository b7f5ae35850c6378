"""The API server of a large cluster, in a process of its own: pages of generated objects, made as they are asked for.

An object is as large as in a real cluster (a pod some 6 KB, managed fields included), pods of a workload differ as
there: by name, uid, address, times and node. Each watch tells some changes and is then told that its version is gone,
so that everything is listed a second time beside what is known already.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import orjson

_NAMESPACES: Final = 400
_PODS_OF_A_WORKLOAD: Final = 20
_OF_STATEFUL_SETS: Final = 10  # one workload in so many: its pods have a label of their own
_CONTAINERS: Final = ("app", "proxy")
_CHANGES: Final = 2000


@dataclass(frozen=True, slots=True)
class Size:
    """How large the cluster is."""

    nodes: int
    pods: int


def main() -> None:
    """Serve until killed; the port is told in a line."""
    size = Size(int(sys.argv[1]), int(sys.argv[2]))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(size))
    print(server.server_address[1], flush=True)  # noqa: T201 - its port, for who started it
    server.serve_forever()


def _handler(size: Size) -> type[BaseHTTPRequestHandler]:
    counts = {"nodes": size.nodes, "pods": size.pods, "namespaces": _NAMESPACES}
    makers = {"nodes": _node, "pods": lambda number: _pod(number, size), "namespaces": _namespace}
    lists: dict[str, int] = dict.fromkeys(counts, 0)
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle(self) -> None:
            with suppress(ConnectionError):  # a worker that has seen enough
                super().handle()

        def do_GET(self) -> None:  # the base's name
            url = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(url.query).items()}
            resource = url.path.rpartition("/")[2]
            if query.get("watch"):
                self._watch(resource)
            else:
                self._list(resource, int(query.get("continue", "0")), int(query["limit"]))

        def log_message(self, *_: object) -> None:
            pass

        def _list(self, resource: str, start: int, limit: int) -> None:
            end = min(start + limit, counts[resource])
            metadata = {"resourceVersion": "1000", **({"continue": str(end)} if end < counts[resource] else {})}
            items = b",".join(makers[resource](number) for number in range(start, end))
            body = b'{"kind":"List","apiVersion":"v1","metadata":%s,"items":[%s]}' % (orjson.dumps(metadata), items)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _watch(self, resource: str) -> None:
            with lock:
                lists[resource] += 1
                second = lists[resource] > 1
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            if second:
                threading.Event().wait()
            changes = range(_CHANGES) if resource == "pods" else range(0)
            for event in _events(makers[resource](number) for number in changes):
                self.wfile.write(b"%x\r\n%s\r\n" % (len(event), event))
            self.wfile.write(b"0\r\n\r\n")

    return Handler


def _events(objects: Iterator[bytes]) -> Iterator[bytes]:
    for each in objects:
        yield b'{"type":"MODIFIED","object":%s}\n' % each
    yield b'{"type":"ERROR","object":{"kind":"Status","code":410,"message":"too old resource version"}}\n'


def _namespace(number: int) -> bytes:
    name = _namespace_name(number)
    labels = {"kubernetes.io/metadata.name": name, "team": f"team-{number % 40}"}
    return orjson.dumps({"metadata": {"name": name, "uid": _uid(number), "labels": labels}})


def _node(number: int) -> bytes:
    name = _node_name(number)
    resources = {"cpu": "16", "memory": "64803400Ki", "ephemeral-storage": "100Gi", "pods": "110"}
    return orjson.dumps(
        {
            "metadata": {
                "name": name,
                "uid": _uid(number),
                "resourceVersion": "900",
                "labels": {
                    "kubernetes.io/hostname": name,
                    "topology.kubernetes.io/zone": f"eu-central-1{'abc'[number % 3]}",
                },
                "managedFields": _managed_fields(number % 60),
            },
            "spec": {"podCIDR": f"10.{number // 250}.{number % 250}.0/24", "providerID": f"aws:///{name}"},
            "status": {
                "addresses": [{"type": "InternalIP", "address": f"10.{number // 250}.{number % 250}.17"}],
                "capacity": resources,
                "allocatable": resources,
                "conditions": [{"type": "Ready", "status": "True"}],
                "images": [{"names": [f"registry.example/image-{image}:1"], "sizeBytes": 10**8} for image in range(50)],
            },
        }
    )


def _pod(number: int, size: Size) -> bytes:
    workload, ordinal = divmod(number, _PODS_OF_A_WORKLOAD)
    stateful = workload % _OF_STATEFUL_SETS == 0
    owner = f"workload-{workload}-{workload * 7919 % 10**9:09d}"
    name = f"workload-{workload}-{ordinal}" if stateful else f"{owner}-{number:05d}"
    labels = {"app": f"workload-{workload}", "team": f"team-{workload % 40}", "pod-template-hash": owner[-9:]}
    return orjson.dumps(
        {
            "metadata": {
                "name": name,
                "namespace": _namespace_name(workload % _NAMESPACES),
                "uid": _uid(number),
                "resourceVersion": str(number),
                "creationTimestamp": "2026-11-01T00:00:00Z",
                "labels": {**labels, **({"statefulset.kubernetes.io/pod-name": name} if stateful else {})},
                "annotations": {"checksum/config": _uid(workload) * 2},
                "ownerReferences": [
                    {"kind": "StatefulSet" if stateful else "ReplicaSet", "name": owner, "controller": True}
                ],
                "managedFields": _managed_fields(number % 60),
            },
            "spec": {
                "nodeName": _node_name(number % size.nodes),
                "containers": [_container(workload, each) for each in _CONTAINERS],
                "tolerations": [{"key": f"node.kubernetes.io/{each}", "operator": "Exists"} for each in range(4)],
            },
            "status": {
                "phase": "Running",
                "startTime": f"2026-11-01T00:{number // 60 % 60:02d}:{number % 60:02d}Z",
                "podIP": f"10.{number % 250}.{number // 250 % 250}.{number % 200}",
                "containerStatuses": [
                    {
                        "name": each,
                        "restartCount": number % 3 if number % 50 == 0 else 0,
                        "imageID": f"registry.example/image@sha256:{_uid(workload) * 2}",
                        "containerID": f"containerd://{_uid(number) * 2}",
                        "state": {"running": {"startedAt": "2026-11-01T00:00:05Z"}},
                    }
                    for each in _CONTAINERS
                ],
            },
        }
    )


@lru_cache
def _container(workload: int, name: str) -> orjson.Fragment:
    container = {
        "name": name,
        "image": f"registry.example/team-{workload % 40}/workload-{workload}/{name}:1.{workload % 30}",
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": f"{256 + workload % 8}Mi"}},
        "env": [{"name": f"SETTING_{each}", "value": f"value-{each}"} for each in range(12)],
        "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"}],
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": 8080}, "periodSeconds": 10},
    }
    return orjson.Fragment(orjson.dumps(container))


@lru_cache
def _managed_fields(second: int) -> orjson.Fragment:
    owned: dict[str, Any] = {f"f:field-{each}": {"f:value": {}, "f:type": {}} for each in range(30)}
    at = f"2026-11-01T00:00:{second:02d}Z"
    fields = [
        {"manager": manager, "operation": "Update", "time": at, "fieldsV1": owned}
        for manager in ("kube-controller-manager", "kubelet")
    ]
    return orjson.Fragment(orjson.dumps(fields))


def _node_name(number: int) -> str:
    return f"ip-10-{number // 250}-{number % 250}-17.eu-central-1.compute.internal"


def _namespace_name(number: int) -> str:
    return f"team-{number % 40}-project-{number}"


def _uid(number: int) -> str:
    digits = f"{number * 2654435761 % 16**12:012x}"
    return f"{digits[:8]}-{digits[8:]}-4000-8000-{number:012x}"


if __name__ == "__main__":
    main()
