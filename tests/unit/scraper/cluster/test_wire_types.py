from typing import Any

import orjson
import pytest

from scraper.cluster.objects import namespace_of, node_of, pod_of
from scraper.cluster.wire_types import WIRE_TYPES

UNUSED = {"managedFields": [{"manager": "kubelet"}], "finalizers": ["x"]}
NODE = {
    "metadata": {
        "name": "n1",
        "uid": "node-uid",
        "resourceVersion": "7",
        "labels": {"zone": "a"},
        "annotations": {"example.org/machine": "m-7"},
        **UNUSED,
    },
    "spec": {"unschedulable": True, "podCIDR": "10.0.0.0/24"},
    "status": {
        "capacity": {"cpu": "4"},
        "allocatable": {"cpu": "3920m"},
        "conditions": [{"type": "Ready", "status": "False"}],
        "addresses": [{"type": "Hostname", "address": "h1"}, {"type": "InternalIP", "address": "10.0.0.1"}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {"kubeletVersion": "v1.31.0", "osImage": "Debian"},
        "images": [{"names": ["a"]}],
    },
}
POD = {
    "metadata": {
        "name": "web-1",
        "namespace": "shop",
        "uid": "pod-uid",
        "resourceVersion": "8",
        "labels": {"app": "web"},
        "ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": True}],
        **UNUSED,
    },
    "spec": {
        "nodeName": "n1",
        "containers": [
            {
                "name": "a",
                "image": "web:1",
                "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "1Gi"}},
                "env": [{"name": "A", "value": "b"}],
            }
        ],
        "volumes": [{"name": "v"}],
    },
    "status": {
        "phase": "Running",
        "startTime": "2017-08-02T00:00:01Z",
        "containerStatuses": [{"name": "a", "restartCount": 3, "imageID": "x"}],
        "podIP": "10.0.0.9",
    },
}
NAMESPACE = {"metadata": {"name": "shop", "uid": "ns", "labels": {"team": "x"}, **UNUSED}, "spec": {"finalizers": []}}


def page(resource: str, *items: object) -> Any:
    body = {"kind": "List", "metadata": {"resourceVersion": "9", "continue": "more"}, "items": items}
    return WIRE_TYPES[resource].page(orjson.dumps(body))


def test_every_kept_field_is_decoded() -> None:
    annotated = "example.org/machine"
    assert node_of(page("nodes", NODE)["items"][0], annotated) == node_of(NODE, annotated)
    assert pod_of(page("pods", POD)["items"][0]) == pod_of(POD)
    assert namespace_of(page("namespaces", NAMESPACE)["items"][0]) == namespace_of(NAMESPACE)
    assert page("pods", POD)["metadata"] == {"resourceVersion": "9", "continue": "more"}


def test_unused_fields_are_not_decoded() -> None:
    pod = page("pods", POD)["items"][0]
    assert pod["metadata"].keys() == POD["metadata"].keys() - UNUSED.keys()
    assert pod["spec"]["containers"][0].keys() == {"name", "image", "resources"}
    assert "images" not in page("nodes", NODE)["items"][0]["status"]


@pytest.mark.parametrize(
    "unexpected",
    [
        {"metadata": {"name": "p", "namespace": "shop", "labels": None}, "spec": None, "status": {}},
        {"metadata": {"name": "p", "namespace": "shop"}, "spec": {"containers": None, "nodeName": None}},
        {"metadata": {"name": "p", "namespace": "shop"}, "spec": [], "status": {"startTime": 7}},
        {"metadata": {"name": "p", "namespace": "shop"}, "status": "odd"},
    ],
)
def test_an_unexpected_object_does_not_affect_the_others(unexpected: dict[str, Any]) -> None:
    found = page("pods", POD, unexpected, POD)["items"]
    assert [pod_of(each) for each in found] == [pod_of(POD), pod_of(unexpected), pod_of(POD)]


def test_events_and_the_status_of_an_error_event_are_decoded() -> None:
    added = WIRE_TYPES["pods"].event(orjson.dumps({"type": "ADDED", "object": POD}))
    assert (added["type"], pod_of(added["object"])) == ("ADDED", pod_of(POD))
    status = {"kind": "Status", "status": "Failure", "code": 410, "message": "too old"}
    for wire_type in WIRE_TYPES.values():
        error = wire_type.event(orjson.dumps({"type": "ERROR", "object": status}))
        assert (error["type"], error["object"]["code"], error["object"]["message"]) == ("ERROR", 410, "too old")


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"7", b'{"items":'])
def test_a_body_that_is_not_a_json_object_is_rejected(body: bytes) -> None:
    for decode in (WIRE_TYPES["pods"].page, WIRE_TYPES["pods"].event):
        with pytest.raises(ValueError, match=r"."):
            decode(body)
