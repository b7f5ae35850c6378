"""The Kubernetes API over HTTP: list and watch of nodes, pods and namespaces, from any store of objects."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final

import orjson
from aiohttp import web

from simulator import api_bodies, status
from simulator.api_query import ApiQuery
from simulator.objects import KINDS, Resource
from simulator.pages import Pages
from simulator.store import Change, Changes, GoneError, Store

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
    """One API server. What a test may turn while it runs: `failing_with`, `gone_as_status`, `cut_watches`."""

    def __init__(self, store: Store, *, bookmark_interval_s: float = BOOKMARK_INTERVAL_S) -> None:
        """Serves what is in the store; watches that allow it get a bookmark this often."""
        self.failing_with: int | None = None  # HTTP status of every answer, None: all is well
        self.gone_as_status = False  # a watch from too old a version is refused by HTTP 410, not by an ERROR event
        self._store = store
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
        app.router.add_get("/version", _version)
        app.router.add_get("/healthz", _healthz)
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
        if self.failing_with is not None:
            return status.response(self.failing_with, f"failing with {self.failing_with}, as it was told to")
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
            return await self._watch(request, resource, query) if query.watch else self._list(resource, query)

        return handle

    def _list(self, resource: Resource, query: ApiQuery) -> web.Response:
        if query.continued:
            page = self._pages.next(resource, query.continued, query.limit)
        else:
            page = self._pages.first(resource, self._store.listing(resource), query.limit)
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
                await response.write(b"".join(api_bodies.event(resource, change) for change in news.changes))
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


async def _wait(changed: asyncio.Event, longest_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(longest_s):
            await changed.wait()


async def _version(_request: web.Request) -> web.Response:
    return web.Response(body=orjson.dumps(_VERSION), content_type="application/json")


async def _healthz(_request: web.Request) -> web.Response:
    return web.Response(text="ok")
