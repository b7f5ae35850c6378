"""The application: its routes put together, with what stands in front of all of them."""

from typing import Final

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api import export_routes, metrics_routes, model
from api.answers import refusal
from api.compression import Compression
from api.model import Clock, model_routes
from api.paths import CleanPaths
from api.status import Served, status_routes
from api.store import Store

_DESCRIPTION: Final = "Heapster's APIs, answered from the newest fifteen minutes of derived-metrics."


def application(store: Store, served: Served, now_ns: Clock) -> FastAPI:
    """All routes over one store."""
    app = FastAPI(title="heapster-stream", description=_DESCRIPTION, redirect_slashes=False)
    roots = [model.ROOT, *metrics_routes.ROOTS, *export_routes.ROOTS]
    app.include_router(model_routes(store, now_ns))
    for version in metrics_routes.VERSIONS:
        app.include_router(metrics_routes.metrics_routes(version, store, now_ns))
    app.include_router(export_routes.export_routes(store, now_ns))
    app.include_router(status_routes(store, served, now_ns))
    app.add_middleware(Compression)
    app.add_middleware(CleanPaths)

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        return refusal(request.url.path, error.status_code, str(error.detail), roots)

    return app
