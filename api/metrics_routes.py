"""The resource metrics API: `/apis/metrics.k8s.io/v1beta1`, and as Heapster had it (docs/api.md)."""

from collections.abc import Iterable
from typing import Annotated, Final, TypeVar

from fastapi import APIRouter, HTTPException, Query
from starlette.responses import Response

from api.answers import JSON_ONLY, json_answer
from api.entities import Namespace, Node, Pod
from api.metrics_api import Documents
from api.model import Clock
from api.selector import Selector, parse_selector
from api.store import Store
from api.usage import NodeUsage, PodUsage, node_usage, pod_usages
from schemas.keys import node_key, pod_key
from schemas.metric_batch import namespace_group

VERSIONS: Final = ("metrics.k8s.io/v1beta1", "metrics.k8s.io/v1alpha1", "metrics/v1alpha1")
ROOTS: Final = tuple(f"/apis/{version}" for version in VERSIONS)

Labels = Annotated[str, Query(alias="labelSelector", description="As in kubectl --selector")]
_Usage = TypeVar("_Usage", NodeUsage, PodUsage)


def metrics_routes(version: str, store: Store, now_ns: Clock) -> APIRouter:
    """All routes of one version."""
    router = APIRouter(prefix=f"/apis/{version}", tags=["resource metrics"], dependencies=[JSON_ONLY])

    @router.get("/nodes")
    def nodes(labels: Labels = "") -> Response:
        """Usage of all nodes, or of those with these labels."""
        selector, now = _selector(labels), now_ns()
        usages = [usage for node in store.nodes(now) if (usage := node_usage(node)) is not None]
        return json_answer(Documents(version, now).nodes(_selected(usages, selector)))

    @router.get("/nodes/{node}")
    async def a_node(node: Node) -> Response:
        """Usage of a node."""
        now = now_ns()
        reading = store.current(node_key(node), now)
        usage = None if reading is None else node_usage(reading)
        if usage is None:
            raise HTTPException(404, f"No metrics for node {node}")
        return json_answer(Documents(version, now).node(usage))

    @router.get("/pods")
    def pods(labels: Labels = "") -> Response:
        """Usage of all pods, or of those with these labels."""
        selector, now = _selector(labels), now_ns()
        return json_answer(Documents(version, now).pods(_selected(pod_usages(store.all(now)), selector)))

    @router.get("/namespaces/{namespace}/pods")
    def pods_of_a_namespace(namespace: Namespace, labels: Labels = "") -> Response:
        """Usage of a namespace's pods, or of those with these labels."""
        selector, now = _selector(labels), now_ns()
        usages = pod_usages(store.below(namespace_group(namespace), now))
        return json_answer(Documents(version, now).pods(_selected(usages, selector)))

    @router.get("/namespaces/{namespace}/pods/{pod}")
    async def a_pod(namespace: Namespace, pod: Pod) -> Response:
        """Usage of a pod."""
        now, key = now_ns(), pod_key(namespace, pod)
        reading = store.current(key, now)
        if reading is None:
            raise HTTPException(404, f'Error while getting pod {pod}: pod "{pod}" not found')
        usages = pod_usages([reading, *store.below(key, now)])
        if not usages:
            raise HTTPException(404, f"No metrics available for pod {namespace}/{pod}")
        return json_answer(Documents(version, now).pod(usages[0]))

    return router


def _selector(text: str) -> Selector:
    try:
        return parse_selector(text)
    except ValueError as error:
        raise HTTPException(400, f"Error while parsing selector {text}: {error}") from error


def _selected(usages: Iterable[_Usage], selector: Selector) -> list[_Usage]:
    return [usage for usage in usages if selector.matches(dict(usage.object_labels))]
