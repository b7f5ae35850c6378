"""The resource metrics API: `/apis/metrics.k8s.io/v1beta1`, and as Heapster had it (docs/api.md)."""

from collections.abc import Callable, Iterator
from typing import Annotated, Final, TypeVar

import orjson
from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response

from api.heapster.entities import Namespace, Node, Pod
from api.heapster.model import Clock
from api.http.responses import JSON_ONLY, json_answer, list_answer
from api.metrics_v1beta1.label_selector import Selector, parse_selector
from api.metrics_v1beta1.metrics_api import Documents
from api.metrics_v1beta1.usage import NodeUsage, PodUsage, node_usage, pod_usage
from api.store.current_view import CurrentView, Listed
from api.store.row import Reading
from api.store.store import Store
from schemas.keys import node_key, pod_key

KUBERNETES: Final = "metrics.k8s.io/v1beta1"  # what Kubernetes itself knows, and kubectl and autoscalers ask for
VERSIONS: Final = (KUBERNETES, "metrics.k8s.io/v1alpha1", "metrics/v1alpha1")
ROOTS: Final = tuple(f"/apis/{version}" for version in VERSIONS)

_RESOURCES: Final = orjson.dumps(
    {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": KUBERNETES,
        "resources": [
            {"name": name, "singularName": "", "namespaced": namespaced, "kind": kind, "verbs": ["get", "list"]}
            for name, namespaced, kind in (("nodes", False, "NodeMetrics"), ("pods", True, "PodMetrics"))
        ],
    }
)
"""As the metrics-server has it: an APIService is available once this is answered, and kubectl discovers by it."""

Labels = Annotated[str, Query(alias="labelSelector", description="As in kubectl --selector")]
_Usage = TypeVar("_Usage", NodeUsage, PodUsage)


def metrics_routes(version: str, store: Store, now_ns: Clock) -> APIRouter:
    """All routes of one version."""
    router = APIRouter(prefix=f"/apis/{version}", tags=["resource metrics"], dependencies=[JSON_ONLY])

    if version == KUBERNETES:  # Heapster's own had nothing there
        router.add_api_route("", _resources)

    @router.get("/nodes")
    async def nodes(labels: Labels = "") -> Response:
        """Usage of all nodes, or of those with these labels."""
        selector, now = _selector(labels), now_ns()
        usages = _selected(CurrentView(store, now).nodes(), selector, node_usage)
        return await list_answer(Documents(version, now).nodes(usages))

    @router.get("/nodes/{node}")
    async def a_node(node: Node) -> Response:
        """Usage of a node."""
        now = now_ns()
        reading = CurrentView(store, now).current(node_key(node))
        usage = None if reading is None else node_usage(reading)
        if usage is None:
            raise HTTPException(404, f"No metrics for node {node}")
        return json_answer(Documents(version, now).node(usage))

    @router.get("/pods")
    async def pods(labels: Labels = "") -> Response:
        """Usage of all pods, or of those with these labels."""
        selector, now = _selector(labels), now_ns()
        usages = _selected(CurrentView(store, now).pods(), selector, pod_usage)
        return await list_answer(Documents(version, now).pods(usages))

    @router.get("/namespaces/{namespace}/pods")
    async def pods_of_a_namespace(namespace: Namespace, labels: Labels = "") -> Response:
        """Usage of a namespace's pods, or of those with these labels."""
        selector, now = _selector(labels), now_ns()
        usages = _selected(CurrentView(store, now).pods_of(namespace), selector, pod_usage)
        return await list_answer(Documents(version, now).pods(usages))

    @router.get("/namespaces/{namespace}/pods/{pod}")
    async def a_pod(namespace: Namespace, pod: Pod) -> Response:
        """Usage of a pod."""
        now = now_ns()
        reading = CurrentView(store, now).current(pod_key(namespace, pod))
        if reading is None:
            raise HTTPException(404, f'Error while getting pod {pod}: pod "{pod}" not found')
        usage = pod_usage(reading)
        if usage is None:
            raise HTTPException(404, f"No metrics available for pod {namespace}/{pod}")
        return json_answer(Documents(version, now).pod(usage))

    return router


async def _resources() -> Response:
    """What there is, as the Kubernetes API server and kubectl ask."""
    return json_answer(_RESOURCES)


def _selector(text: str) -> Selector:
    try:
        return parse_selector(text)
    except ValueError as error:
        raise HTTPException(400, f"Error while parsing selector {text}: {error}") from error


def _selected(listed: Listed, selector: Selector, usage: Callable[[Reading], _Usage | None]) -> Iterator[_Usage | None]:
    """Usages of these entities, None in the place of those that are left out."""
    for each in listed:
        wanted = each is not None and selector.matches(dict(each.entity.object_labels))
        yield usage(each) if each is not None and wanted else None
