"""Metrics of the api about itself; Heapster's metrics keep their names."""

import time
from typing import Final

from prometheus_client import Counter, Gauge, Summary
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.ingest.freshness import Progress

SINK: Final = "Metric Sink"
_OTHER: Final = "other"

requests: Final = Counter("http_requests_total", "HTTP requests by outcome.", ["handler", "method", "code"])
duration: Final = Summary(
    "http_request_duration_microseconds", "Duration of HTTP requests in microseconds.", ["handler"]
)
request_bytes: Final = Summary(
    "http_request_size_bytes", "Size of HTTP requests in bytes, without white space.", ["handler"]
)
response_bytes: Final = Summary("http_response_size_bytes", "Size of HTTP responses in bytes, as sent.", ["handler"])
taken_at: Final = Gauge("heapster_exporter_last_time_seconds", "Time of the last stored batch.", ["exporter"])
taking: Final = Summary(
    "heapster_exporter_duration_milliseconds", "Duration of storing one batch in milliseconds.", ["exporter"]
)
not_wanted: Final = Counter(
    "heapster_api_batches_not_wanted_total", "Batches ignored: outside of the fifteen minutes, or of a lower version."
)
newest_window: Final = Gauge("heapster_api_newest_window_seconds", "End of the newest window.")
records_behind: Final = Gauge("heapster_api_records_behind", "Records of derived-metrics that are not read yet.")
partitions_behind: Final = Gauge("heapster_api_partitions_behind", "Partitions with overdue records.")
unreadable: Final = Gauge("heapster_api_records_unreadable", "Unreadable records since start-up.")


def report(progress: Progress, newest_ns: int | None) -> None:
    """Set the gauges: how far the reader is, and the newest window."""
    records_behind.set(progress.records_behind)
    partitions_behind.set(len(progress.behind))
    unreadable.set(progress.rejected)
    if newest_ns is not None:
        newest_window.set(newest_ns / 1e9)


def taken(now_ns: int, *, wanted: bool, took_ns: int) -> None:
    """Record that a batch was stored or ignored."""
    taken_at.labels(SINK).set(now_ns / 1e9)
    taking.labels(SINK).observe(took_ns / 1e6)
    if not wanted:
        not_wanted.inc()


def request_size(scope: Scope) -> int:
    """Return the size of a request as Heapster's library computes it: URL, method, protocol, headers and body."""
    length = len(scope["method"]) + len(f"HTTP/{scope['http_version']}") + len(scope["raw_path"])
    if scope["query_string"]:
        length += len("?") + len(scope["query_string"])
    for name, value in scope["headers"]:
        length += len(name) + len(value)
        if name == b"content-length":
            length += int(value)
    return length


class Counted:
    """Middleware that counts and times requests, by API."""

    def __init__(self, app: ASGIApp, handlers: dict[str, str]) -> None:
        """Wrap `app`; `handlers` maps path prefixes to names of APIs."""
        self._app = app
        self._handlers = tuple(handlers.items())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and record its metrics."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s, status, sent = time.perf_counter(), 500, 0

        async def noted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, receive, noted)
        finally:
            handler = self._handler(scope["path"])
            method = scope["method"] if scope["method"] in {"GET", "HEAD", "POST"} else _OTHER
            requests.labels(handler, method, str(status)).inc()
            duration.labels(handler).observe(1e6 * (time.perf_counter() - began_s))
            request_bytes.labels(handler).observe(request_size(scope))
            response_bytes.labels(handler).observe(sent)

    def _handler(self, path: str) -> str:
        return next((name for root, name in self._handlers if path.startswith(root)), _OTHER)
