"""`/page`: the data of the web page: only what is on screen, and only if it has changed."""

from collections.abc import Callable, Iterable
from typing import Annotated, Final, TypeAlias, TypeVar

import orjson
from fastapi import APIRouter, Depends, HTTPException, Query, Request
from starlette.responses import Response

from api.dashboard.details import details
from api.dashboard.overview import overview
from api.dashboard.search import find
from api.dashboard.tables import (
    CONTAINER_COLUMNS,
    NAMESPACE_COLUMNS,
    NODE_COLUMNS,
    POD_COLUMNS,
    Columns,
    Rows,
    Wanted,
    rows_of,
)
from api.heapster.model import Clock
from api.store.row import Reading
from api.store.snapshot import Snapshot, Snapshots, containers_of, pods_of
from api.store.store import Store
from schemas.keys import name_of

ROOT: Final = "/page"
_MOST_ROWS: Final = 200
_Item = TypeVar("_Item")


async def _asked_for(
    q: str = "",
    sort: str = "name",
    order: Annotated[str, Query(pattern="^(asc|desc)$")] = "asc",
    offset: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=_MOST_ROWS)] = 50,
) -> Wanted:
    return Wanted(text=q.strip(), sort=sort, descending=order == "desc", offset=offset, limit=limit)


_Wanted: TypeAlias = Annotated[Wanted, Depends(_asked_for)]


class Answers:
    """Answers from the current snapshot; 304 if the page already has it."""

    def __init__(self, store: Store, now_ns: Clock) -> None:
        """Answer from that store, at that time."""
        self._snapshots = Snapshots(store)
        self._now_ns = now_ns

    def __call__(self, request: Request, ask: Callable[[Snapshot], object]) -> Response:
        """Return the result of `ask` on the snapshot as JSON."""
        snapshot = self._snapshots.at(self._now_ns())
        headers = {"ETag": f'W/"{snapshot.edition}"', "Cache-Control": "no-store"}
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        return Response(orjson.dumps(ask(snapshot)), media_type="application/json", headers=headers)


def page_routes(store: Store, now_ns: Clock) -> APIRouter:
    """Build the routes. They belong to the page and may change with it."""
    router = APIRouter(prefix=ROOT, include_in_schema=False)
    answer = Answers(store, now_ns)
    _add_tables(router, answer)

    @router.get("/overview")
    def the_overview(request: Request) -> Response:
        return answer(request, overview)

    @router.get("/entity")
    def entity(request: Request, key: str) -> Response:
        return answer(request, lambda snapshot: details(snapshot, key))  # null: unknown

    @router.get("/search")
    def search(request: Request, q: str = "") -> Response:
        return answer(request, lambda snapshot: find(snapshot, q))

    return router


def _add_tables(router: APIRouter, answer: Answers) -> None:
    @router.get("/nodes")
    def nodes(request: Request, wanted: _Wanted) -> Response:
        return answer(
            request, lambda snapshot: _rows(snapshot.nodes, NODE_COLUMNS, wanted, lambda node: name_of(node.key))
        )

    @router.get("/namespaces")
    def namespaces(request: Request, wanted: _Wanted) -> Response:
        return answer(
            request,
            lambda snapshot: _rows(
                snapshot.namespaces, NAMESPACE_COLUMNS, wanted, lambda each: name_of(each.reading.key)
            ),
        )

    @router.get("/pods")
    def pods(request: Request, wanted: _Wanted, namespace: str = "", node: str = "") -> Response:
        return answer(
            request, lambda snapshot: _rows(pods_of(snapshot, namespace, node), POD_COLUMNS, wanted, _pod_text)
        )

    @router.get("/containers")
    def containers(request: Request, wanted: _Wanted, key: str) -> Response:
        return answer(
            request,
            lambda snapshot: _rows(
                containers_of(snapshot, key), CONTAINER_COLUMNS, wanted, lambda each: name_of(each.key)
            ),
        )


def _rows(items: Iterable[_Item], columns: Columns[_Item], wanted: Wanted, text: Callable[[_Item], str]) -> Rows:
    try:
        return rows_of(items, columns, wanted, text=text)
    except ValueError as error:
        raise HTTPException(400, str(error)) from error


def _pod_text(reading: Reading) -> str:
    return f"{reading.entity.label('namespace_name')}/{name_of(reading.key)}"
