"""The pods that a kubelet lists: those that the API has on its node, static ones as the kubelet itself knows them."""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from simulator.store import Store

_MIRROR: Final = "kubernetes.io/config.mirror"


def pods_of_node(api: Store, node: str) -> bytes:
    """The body of `/pods`."""
    everything = (orjson.loads(body) for body in api.listing("pods").bodies)
    items = [_as_the_kubelet_knows_it(pod) for pod in everything if (pod.get("spec") or {}).get("nodeName") == node]
    return orjson.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": items})


def _as_the_kubelet_knows_it(pod: Mapping[str, Any]) -> Mapping[str, Any]:
    """A mirror pod stands for a static one, whose uid is the hash of its manifest."""
    metadata = pod["metadata"]
    uid = (metadata.get("annotations") or {}).get(_MIRROR)
    if uid is None:
        return pod
    own = {"kubernetes.io/config.hash": uid, "kubernetes.io/config.source": "file"}
    return {**pod, "metadata": {**metadata, "uid": uid, "annotations": own}}
