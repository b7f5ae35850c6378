"""`/healthz`, `/readyz`, `/metrics` and `/api/v1/status`: whether the answers are current."""

from dataclasses import dataclass, field
from typing import Annotated, Final

from fastapi import APIRouter, Query
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel
from starlette.responses import Response

from api.heapster.model import Clock
from api.http.responses import text_answer
from api.ingest.freshness import Progress, not_ready, unhealthy
from api.store.current_view import CurrentView
from api.store.store import Store
from api.store.times import time_text

ROOTS: Final = ("/healthz", "/readyz", "/api/v1/status")


@dataclass(slots=True)
class Served:
    """State shared by the serving and the reading side."""

    progress: Progress = field(default_factory=Progress)


class Status(BaseModel):
    """How current the answers are."""

    ready: bool
    reasons: list[str]  # why the api is not ready
    newest_window: str | None  # its end
    newest_window_age_seconds: float | None
    resolution_seconds: float
    nodes: int  # with current metrics
    nodes_counted: int  # in the cluster's sums
    nodes_expected: int
    partitions: int
    partitions_behind: list[int]
    records_behind: int


def status_routes(store: Store, served: Served, now_ns: Clock) -> APIRouter:
    """Build the routes."""
    router = APIRouter(tags=["status"])

    @router.get("/healthz")
    async def healthz(verbose: Annotated[str | None, Query(description="List the checks")] = None) -> Response:
        """Answer `ok`, or 500 when the newest window is too old."""
        now = now_ns()
        if unhealthy(CurrentView(store, now).state(), now) is not None:
            return text_answer("[-]healthz failed: reason withheld\nhealthz check failed\n", 500)
        return text_answer("ok" if verbose is None else "[+]healthz ok\nhealthz check passed\n")

    @router.get("/healthz/healthz")
    async def healthz_reason() -> Response:
        """Answer as `/healthz`, with the reason."""
        now = now_ns()
        reason = unhealthy(CurrentView(store, now).state(), now)
        return text_answer("ok") if reason is None else text_answer(f"internal server error: {reason}\n", 500)

    @router.get("/readyz")
    async def readyz() -> Response:
        """Answer `ok`, or 503 with one reason per line."""
        now = now_ns()
        reasons = not_ready(CurrentView(store, now).state(), served.progress, now)
        return text_answer("\n".join(reasons) + "\n", 503) if reasons else text_answer("ok")

    @router.get("/metrics")
    def metrics() -> Response:
        """Serve the metrics of this process to Prometheus."""
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/api/v1/status")
    async def status() -> Status:
        """Report how current the answers are."""
        now = now_ns()
        state, progress = CurrentView(store, now).state(), served.progress
        reasons = not_ready(state, progress, now)
        return Status(
            ready=not reasons,
            reasons=reasons,
            newest_window=None if state.newest_ns is None else time_text(state.newest_ns),
            newest_window_age_seconds=None if state.newest_ns is None else (now - state.newest_ns) / 1e9,
            resolution_seconds=state.resolution_ns / 1e9,
            nodes=state.nodes,
            nodes_counted=state.nodes_counted,
            nodes_expected=state.nodes_expected,
            partitions=progress.partitions,
            partitions_behind=list(progress.behind),
            records_behind=progress.records_behind,
        )

    return router
