"""`/api/v1/metric-export` and its schema."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.heapster.export import export_text, schema_document
from api.heapster.model import Clock
from api.heapster.series import indented
from api.http.responses import JSON_ONLY, json_answer, list_answer
from api.store.current_view import CurrentView
from api.store.store import Store

ROOTS: Final = ("/api/v1/metric-export", "/api/v1/metric-export-schema")


def export_routes(store: Store, now_ns: Clock, *, disabled: bool = False) -> APIRouter:
    """Both routes."""
    router = APIRouter(tags=["export"], dependencies=[JSON_ONLY])
    schema = indented(schema_document())

    @router.get(ROOTS[0])
    async def metric_export() -> Response:
        """The newest values of all nodes, pods and containers."""
        if disabled:
            return json_answer("[]\n")
        return await list_answer(export_text(CurrentView(store, now_ns()).all()))

    @router.get(ROOTS[1])
    async def metric_export_schema() -> Response:
        """What the export consists of."""
        return json_answer(schema)

    return router
