"""The application: all routes, and the middleware in front of them."""

from dataclasses import dataclass
from typing import Final

from fastapi import FastAPI, Request
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.responses import Response

from api import status
from api.dashboard import page
from api.dashboard.page import page_routes
from api.heapster import export_routes, history_routes, model
from api.heapster.history import History
from api.heapster.model import Clock, model_routes
from api.http.access import Access, Guard
from api.http.compression import Compression
from api.http.paths import CleanPaths
from api.http.responses import refusal, text_answer
from api.http.static import site_routes
from api.metrics_v1beta1 import metrics_routes
from api.status import Served, status_routes
from api.store.store import Store
from api.telemetry import Counted

_DESCRIPTION: Final = "Heapster's APIs, answered from the newest fifteen minutes of derived-metrics."
_HANDLERS: Final = {
    model.ROOT: "model",
    "/apis/": "metrics",
    "/api/v1/metric-export": "export",
    history_routes.ROOT: "historical",
    "/healthz": "healthz",
    "/readyz": "healthz",
    "/metrics": "prometheus",
}
_NO_METRIC_SINK: Final = "nothing is kept in memory: the api was started with --disable-metric-sink"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choices:
    """What is served, and to whom."""

    access: Access | None = None  # None: no access control
    export: bool = True
    metric_sink: bool = True  # False: no metrics are kept in memory
    history: History | None = None  # None: no historical API


def application(store: Store, served: Served, now_ns: Clock, choices: Choices) -> FastAPI:
    """Build the application over one store."""
    app = FastAPIOffline(  # its documentation page loads no script from other hosts
        redoc_url=None, title="heapster-stream", description=_DESCRIPTION, redirect_slashes=False
    )
    roots = [model.ROOT, *metrics_routes.ROOTS, *export_routes.ROOTS, page.ROOT]
    if choices.metric_sink:
        _add_routes(app, store, served, now_ns, choices)
    else:
        for root in (*roots, *status.ROOTS):
            app.add_api_route(root, _unavailable)
            app.add_api_route(f"{root}/{{path:path}}", _unavailable)
    if choices.history is not None:
        app.include_router(history_routes.history_routes(choices.history, now_ns))
        roots.append(history_routes.ROOT)
    app.include_router(site_routes())
    app.add_middleware(Compression)
    if choices.access is not None:
        app.add_middleware(Guard, access=choices.access)
    app.add_middleware(CleanPaths)
    app.add_middleware(Counted, handlers=_HANDLERS)

    @app.exception_handler(HTTPException)
    async def refuse(request: Request, error: HTTPException) -> Response:
        return refusal(request.url.path, error.status_code, str(error.detail), roots)

    return app


def _add_routes(app: FastAPI, store: Store, served: Served, now_ns: Clock, choices: Choices) -> None:
    app.include_router(model_routes(store, now_ns))
    for version in metrics_routes.VERSIONS:
        app.include_router(metrics_routes.metrics_routes(version, store, now_ns))
    app.include_router(export_routes.export_routes(store, now_ns, disabled=not choices.export))
    app.include_router(status_routes(store, served, now_ns))
    app.include_router(page_routes(store, now_ns))


async def _unavailable() -> Response:
    return text_answer(_NO_METRIC_SINK, 503)
