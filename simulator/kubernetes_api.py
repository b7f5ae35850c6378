"""The Kubernetes API over HTTP: list and watch of nodes, pods and namespaces, from any store of objects."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Final

import orjson
from aiohttp import web

from simulator import api_bodies, status
from simulator.api_query import ApiQuery
from simulator.guard import Guard
from simulator.node_proxy import NodeProxy
from simulator.objects import KINDS, Resource
from simulator.pages import Pages
from simulator.selector import Selector
from simulator.store import Change, Changes, GoneError, Listing, Store

BOOKMARK_INTERVAL_S: Final = 60.0
_VERSION: Final = {
    "major": "1",
    "minor": "31",
    "gitVersion": "v1.31.0-simulated",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2024-08-13T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "linux/amd64",
}
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class KubernetesApi:
    """One API server. What a test may turn while it runs: `failing_with`, `gone_as_status`, `cut_watches`, `guard`."""

    def __init__(
        self, store: Store, proxy: NodeProxy | None = None, *, bookmark_interval_s: float = BOOKMARK_INTERVAL_S
    ) -> None:
        """Serves what is in the store, and kubelets by the proxy; watches that allow it get a bookmark this often."""
        self.guard = Guard()
        self.failing_with: int | None = None  # HTTP status of every answer, None: all is well
        self.retry_after_s: int | None = None  # told with that
        self.redirecting_to: str | None = None  # where everybody is sent instead
        self.gone_as_status = False  # a watch from too old a version is refused by HTTP 410, not by an ERROR event
        self._store = store
        self._proxy = proxy
        self._bookmark_interval_s = bookmark_interval_s
        self._pages = Pages()
        self._changed = asyncio.Event()
        self._watches: set[asyncio.Transport] = set()
        self._stopping = False
        self._loop: asyncio.AbstractEventLoop | None = None

    def application(self) -> web.Application:
        """The server, to be run in one event loop."""
        app = web.Application(middlewares=[self._failures_as_status])
        for resource in KINDS:
            app.router.add_get(f"/api/v1/{resource}", self._handler(resource), allow_head=False)
        if self._proxy is not None:
            app.router.add_get("/api/v1/nodes/{node}/proxy/{path:.*}", self._forward, allow_head=False)
            app.cleanup_ctx.append(self._proxy.running)
        app.router.add_get("/version", _version)
        for check in ("/healthz", "/livez", "/readyz"):
            app.router.add_get(check, _healthz)
        app.cleanup_ctx.append(self._following_the_store)
        app.on_shutdown.append(self._end_watches)
        return app

    def cut_watches(self) -> None:
        """Cut the connections of all watches; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._abort_watches)

    def expire(self) -> None:
        """Forget all changes and all half-read lists: who resumes or continues gets 410."""
        self._store.forget_history()
        self._pages.expire()

    async def _following_the_store(self, _app: web.Application) -> AsyncIterator[None]:
        loop = self._loop = asyncio.get_running_loop()

        def wake() -> None:
            loop.call_soon_threadsafe(self._wake_watches)

        unsubscribe = self._store.subscribe(wake)
        yield
        unsubscribe()
        self._loop = None

    async def _end_watches(self, _app: web.Application) -> None:
        self._stopping = True
        self._wake_watches()

    def _wake_watches(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _abort_watches(self) -> None:
        for connection in self._watches:
            connection.abort()

    @web.middleware
    async def _failures_as_status(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        if self.redirecting_to is not None:
            return web.Response(status=302, headers={"Location": self.redirecting_to})
        if self.failing_with is not None:
            headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
            return status.response(self.failing_with, f"failing with {self.failing_with}, as it was told to", headers)
        try:
            return await handler(request)
        except status.RequestError as error:
            return status.response(error.code, str(error))
        except web.HTTPNotFound:
            return status.response(404, "the server could not find the requested resource")
        except web.HTTPMethodNotAllowed:
            return status.response(405, "the server does not allow this method on the requested resource")

    def _handler(self, resource: Resource) -> _Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            query = ApiQuery.parse(request.query)
            self.guard.check(request, f"{'watch' if query.watch else 'list'} {resource}")
            return await self._watch(request, resource, query) if query.watch else self._list(resource, query)

        return handle

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        self.guard.check(request, "get nodes/proxy")
        assert self._proxy is not None  # noqa: S101 - there is no such route without
        return await self._proxy.forward(request.match_info["node"], request.match_info["path"])

    def _list(self, resource: Resource, query: ApiQuery) -> web.Response:
        if query.continued:
            page = self._pages.next(resource, query.continued, query.limit)
        else:
            listing = self._store.listing(resource)
            chosen = tuple(body for body in listing.bodies if query.selector.selects(body))
            page = self._pages.first(resource, Listing(listing.version, chosen), query.limit)
        return web.Response(body=api_bodies.list_body(resource, page), content_type="application/json")

    async def _watch(self, request: web.Request, resource: Resource, query: ApiQuery) -> web.StreamResponse:
        try:
            news = self._beginning(resource, query)
        except GoneError as error:
            if self.gone_as_status:
                raise status.RequestError(410, str(error)) from error
            return web.Response(body=api_bodies.gone_event(error), content_type="application/json")
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        with suppress(ConnectionError), self._cuttable(request.transport):  # the watcher may go at any time
            await self._stream(response, resource, query, news)
        return response

    @contextmanager
    def _cuttable(self, connection: asyncio.Transport | None) -> Iterator[None]:
        if connection is None:
            raise ConnectionResetError
        self._watches.add(connection)
        try:
            yield
        finally:
            self._watches.discard(connection)

    def _beginning(self, resource: Resource, query: ApiQuery) -> Changes:
        if query.since is not None:
            return self._store.changes(resource, query.since)
        listing = self._store.listing(resource)
        return Changes(listing.version, tuple(Change(listing.version, "ADDED", body) for body in listing.bodies))

    async def _stream(self, response: web.StreamResponse, resource: Resource, query: ApiQuery, news: Changes) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + query.timeout_s
        bookmark_at = loop.time() + self._bookmark_interval_s
        while True:
            if news.changes:
                seen = (_as_seen(change, query.selector) for change in news.changes)
                await response.write(b"".join(api_bodies.event(resource, change) for change in seen))
            over = loop.time() >= deadline or self._stopping
            if query.bookmarks and (over or loop.time() >= bookmark_at):
                await response.write(api_bodies.bookmark(resource, news.version))
                bookmark_at = loop.time() + self._bookmark_interval_s
            if over:
                return
            changed = self._changed  # taken before reading, so that a change in between wakes us
            try:
                news = self._store.changes(resource, news.version)
            except GoneError as error:
                await response.write(api_bodies.gone_event(error))
                return
            if not news.changes:
                await _wait(changed, min(deadline, bookmark_at) - loop.time())


def _as_seen(change: Change, selector: Selector) -> Change:
    """By whoever watches a selection: what is not in it counts as deleted, also if it never was."""
    return change if selector.selects(change.body) else replace(change, type="DELETED")


async def _wait(changed: asyncio.Event, longest_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(longest_s):
            await changed.wait()


async def _version(_request: web.Request) -> web.Response:
    return web.Response(body=orjson.dumps(_VERSION), content_type="application/json")


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
