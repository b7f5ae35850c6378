"""`/api/v1/metric-export` and its schema."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.answers import JSON_ONLY, json_answer
from api.export import export_document, schema_document
from api.model import Clock
from api.series import indented
from api.store import Store

ROOTS: Final = ("/api/v1/metric-export", "/api/v1/metric-export-schema")


def export_routes(store: Store, now_ns: Clock, *, disabled: bool = False) -> APIRouter:
    """Both routes."""
    router = APIRouter(tags=["export"], dependencies=[JSON_ONLY])
    schema = indented(schema_document())

    @router.get(ROOTS[0])
    def metric_export() -> Response:
        """The newest values of all nodes, pods and containers."""
        if disabled:
            return json_answer("[]\n")
        document = export_document(store.all(now_ns()))
        return json_answer("null\n" if document is None else document + b"\n")

    @router.get(ROOTS[1])
    async def metric_export_schema() -> Response:
        """What the export consists of."""
        return json_answer(schema)

    return router
