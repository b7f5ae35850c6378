"""The model API, `/api/v1/model`: names, and series from the store (docs/api.md)."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

from fastapi import APIRouter, Depends, HTTPException, Path, Query
from starlette.responses import Response

from api.answers import JSON_ONLY, json_answer
from api.columns import Labels
from api.entities import ENTITIES, Namespace, Node, Pod
from api.reading import Point
from api.series import OLD_NAMES, indented, list_text, parse_labels, series_text
from api.store import AHEAD_NS, Store
from api.times import parse_time_ns
from schemas.catalogue import POD
from schemas.keys import name_of, node_key, pod_key
from schemas.metric_batch import namespace_group

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
        keys = [pod_key(namespace, pod) for pod in pods.split(",")]
        return json_answer(list_text(_series(store, key, metric, question, now_ns()) for key in keys))

    @router.get("/debug/allkeys")
    def all_keys() -> Response:
        """Keys of everything there is now."""
        return _names(reading.key for reading in store.all(now_ns()))

    return router


def _add_entity(
    router: APIRouter, path: str, entity: Callable[..., Awaitable[str]], store: Store, now_ns: Clock
) -> None:
    what = entity.__doc__

    @router.get(f"{path}/metrics", summary=f"Metrics of {what}")
    async def names(key: Annotated[str, Depends(entity)]) -> Response:
        return _names(store.metric_names(key))

    @router.get(f"{path}/metrics/{{metric:path}}", summary=f"A metric of {what}")
    async def series(
        key: Annotated[str, Depends(entity)], metric: Metric, question: Annotated[Asked, Depends(asked)]
    ) -> Response:
        return json_answer(series_text(_series(store, key, metric, question, now_ns())))


def _add_lists(router: APIRouter, store: Store, now_ns: Clock) -> None:
    @router.get("/nodes")
    def nodes() -> Response:
        """Names of the nodes."""
        return _names(name_of(reading.key) for reading in store.nodes(now_ns()))

    @router.get("/nodes/{node}/freecontainers")
    async def system_containers(node: Node) -> Response:
        """Names of a node's system containers."""
        return _names(name_of(reading.key) for reading in store.below(node_key(node), now_ns()))

    @router.get("/namespaces")
    def namespaces() -> Response:
        """Names of the namespaces."""
        return _names(name_of(reading.key) for reading in store.namespaces(now_ns()))

    @router.get("/namespaces/{namespace}/pods")
    def pods(namespace: Namespace) -> Response:
        """Names of a namespace's pods."""
        found = store.below(namespace_group(namespace), now_ns())
        return _names(name_of(reading.key) for reading in found if reading.entity.type == POD)

    @router.get("/namespaces/{namespace}/pods/{pod}/containers")
    async def containers(namespace: Namespace, pod: Pod) -> Response:
        """Names of a pod's containers."""
        return _names(name_of(reading.key) for reading in store.below(pod_key(namespace, pod), now_ns()))


def _series(store: Store, key: str, metric: str, question: Asked, now_ns: int) -> list[Point]:
    end_ns = now_ns + AHEAD_NS if question.end_ns is None else question.end_ns
    return store.series(key, OLD_NAMES.get(metric, metric), question.labels, question.start_ns, end_ns)


def _names(names: Iterable[str]) -> Response:
    return json_answer(indented(sorted(names)))
