"""The model API, `/api/v1/model`: names, and series from the store (docs/api.md)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from starlette.responses import Response

from api.heapster.entities import ENTITIES, Namespace, Node, Pod
from api.heapster.series import OLD_NAMES, list_text, names_text, parse_labels, series_text
from api.http.responses import JSON_ONLY, json_answer, list_answer
from api.store.batch_schema import Labels
from api.store.current_view import AHEAD_NS, CurrentView, Listed
from api.store.row import Point
from api.store.store import Store
from api.store.times import parse_time_ns
from schemas.keys import name_of, node_key, pod_key

ROOT: Final = "/api/v1/model"
Clock: TypeAlias = Callable[[], int]
Metric = Annotated[str, Path(description="Name of the metric, with its slash", examples=["cpu/usage_rate"])]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question for a series narrows it down to; both bounds are included, None is no bound."""

    labels: Labels
    start_ns: int | None
    end_ns: int | None


async def asked(
    start: Annotated[str | None, Query(description="First time, RFC 3339")] = None,
    end: Annotated[str | None, Query(description="Last time, RFC 3339; now if not given")] = None,
    labels: Annotated[str | None, Query(description="Labels of the metric itself: k:v,k2:v2")] = None,
) -> Asked:
    """The question's parameters. Raises HTTPException 400: one cannot be read."""
    try:
        bounds = [parse_time_ns(text) if text else None for text in (start, end)]
    except ValueError as error:
        raise HTTPException(400, f"timestamp argument cannot be parsed: {error}") from error
    try:
        return Asked(parse_labels(labels), bounds[0], bounds[1])
    except ValueError as error:
        raise HTTPException(400, str(error)) from error


def model_routes(store: Store, now_ns: Clock) -> APIRouter:
    """All its routes."""
    router = APIRouter(prefix=ROOT, tags=["model"], dependencies=[JSON_ONLY])
    for path, entity in ENTITIES:
        _add_entity(router, path, entity, store, now_ns)
    _add_lists(router, store, now_ns)

    @router.get("/namespaces/{namespace}/pod-list/{pods}/metrics/{metric:path}")
    async def pod_list(
        namespace: Namespace, pods: str, metric: Metric, question: Annotated[Asked, Depends(asked)]
    ) -> Response:
        """One series a pod, in the order of the question."""
        now = now_ns()
        keys = [pod_key(namespace, pod) for pod in pods.split(",")]
        return await list_answer(list_text(_series(store, key, metric, question, now) for key in keys))

    @router.get("/debug/allkeys")
    async def all_keys() -> Response:
        """Keys of everything there is now."""
        return await _names(CurrentView(store, now_ns()).all(), name=str)

    return router


def _add_entity(
    router: APIRouter, path: str, entity: Callable[..., Awaitable[str]], store: Store, now_ns: Clock
) -> None:
    what = entity.__doc__

    @router.get(f"{path}/metrics", summary=f"Metrics of {what}")
    async def names(key: Annotated[str, Depends(entity)]) -> Response:
        return await list_answer(names_text(store.metric_names(key)))

    @router.get(f"{path}/metrics/{{metric:path}}", summary=f"A metric of {what}")
    async def series(
        key: Annotated[str, Depends(entity)], metric: Metric, question: Annotated[Asked, Depends(asked)]
    ) -> Response:
        return json_answer(series_text(_series(store, key, metric, question, now_ns())))


def _add_lists(router: APIRouter, store: Store, now_ns: Clock) -> None:
    @router.get("/nodes")
    async def nodes() -> Response:
        """Names of the nodes."""
        return await _names(CurrentView(store, now_ns()).nodes())

    @router.get("/nodes/{node}/freecontainers")
    async def system_containers(node: Node) -> Response:
        """Names of a node's system containers."""
        return await _names(CurrentView(store, now_ns()).below(node_key(node)))

    @router.get("/namespaces")
    async def namespaces() -> Response:
        """Names of the namespaces."""
        return await _names(CurrentView(store, now_ns()).namespaces())

    @router.get("/namespaces/{namespace}/pods")
    async def pods(namespace: Namespace) -> Response:
        """Names of a namespace's pods."""
        return await _names(CurrentView(store, now_ns()).pods_of(namespace))

    @router.get("/namespaces/{namespace}/pods/{pod}/containers")
    async def containers(namespace: Namespace, pod: Pod) -> Response:
        """Names of a pod's containers."""
        return await _names(CurrentView(store, now_ns()).below(pod_key(namespace, pod)))


def _series(store: Store, key: str, metric: str, question: Asked, now_ns: int) -> list[Point]:
    end_ns = now_ns + AHEAD_NS if question.end_ns is None else question.end_ns
    return store.series(key, OLD_NAMES.get(metric, metric), question.labels, question.start_ns, end_ns)


async def _names(listed: Listed, name: Callable[[str], str] = name_of) -> Response:
    return await list_answer(names_text(None if each is None else name(each.key) for each in listed))
