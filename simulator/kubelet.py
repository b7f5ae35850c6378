"""One kubelet over HTTP: its Summary, cadvisor's metrics and `/pods`, well or with a fault."""

import asyncio
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Final

from aiohttp import hdrs, web

from simulator.faults import HEALTHY, Fault, shifted
from simulator.guard import Guard
from simulator.kubelet_pods import pods_of_node
from simulator.status import RequestError
from simulator.world import World

_NS_PER_S: Final = 1_000_000_000


class Kubelet:
    """The kubelet of one node. Set `fault` at any time; `requests` counts those for its Summary."""

    def __init__(self, node: str, world: World, clock: Callable[[], int]) -> None:
        """Of this node of the world; the clock gives nanoseconds since the epoch."""
        self.node = node
        self.fault: Fault = HEALTHY
        self.requests = 0
        self.guard = Guard()
        self._world = world
        self._clock = clock

    def _checked(self, request: web.Request, *rights: str) -> web.Response | None:
        """What whoever may not do this is answered, as a kubelet does, in plain text."""
        try:
            self.guard.check(request, *rights)
        except RequestError as error:
            return web.Response(status=error.code, text=str(error))
        return None

    def application(self) -> web.Application:
        """The server, to be run in one event loop."""
        app = web.Application()
        app.router.add_get("/stats/summary", self._summary, allow_head=False)
        app.router.add_get("/stats/summary/", self._summary, allow_head=False)
        app.router.add_get("/metrics/cadvisor", self._cadvisor, allow_head=False)
        app.router.add_get("/pods", self._pods, allow_head=False)
        app.router.add_get("/pods/", self._pods, allow_head=False)
        return app

    async def _summary(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        fault = self.fault
        if (refusal := self._checked(request, "get nodes/stats", "get nodes/proxy")) is not None:
            return refusal
        if fault.hang:
            await asyncio.Event().wait()
        await asyncio.sleep(fault.delay_s)
        if fault.status is not None:
            return web.Response(status=fault.status, text=f"kubelet of {self.node}: HTTP {fault.status}\n")
        now_ns = self._clock()
        body = fault.body if fault.body is not None else self._world.summary(self.node, now_ns)
        if body is None:
            return web.Response(status=404, text=f"kubelet of {self.node}: no statistics\n")
        if fault.clock_offset_s:
            body = shifted(body, fault.clock_offset_s)
        date = formatdate(now_ns // _NS_PER_S + fault.clock_offset_s, usegmt=True)
        headers: Mapping[str, str] = {hdrs.DATE: date, hdrs.CONTENT_TYPE: "application/json"}
        if fault.cut:
            return await _cut(request, body, headers)
        return web.Response(body=body, headers=headers)

    async def _cadvisor(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._checked(request, "get nodes/metrics", "get nodes/proxy")) is not None:
            return refusal
        fault = self.fault
        if fault.cadvisor_hang:
            await asyncio.Event().wait()
        if fault.cadvisor_status is not None:
            status = fault.cadvisor_status
            return web.Response(status=status, text=f"kubelet of {self.node}: HTTP {status}\n")
        body = self._world.cadvisor(self.node, self._clock())
        if body is None:
            return web.Response(status=404, text=f"kubelet of {self.node}: no metrics\n")
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: "text/plain; version=0.0.4; charset=utf-8"})

    async def _pods(self, request: web.Request) -> web.StreamResponse:
        if (refusal := self._checked(request, "get nodes/pods", "get nodes/proxy")) is not None:
            return refusal
        fault = self.fault
        if fault.pods_status is not None:
            return web.Response(status=fault.pods_status, text=f"kubelet of {self.node}: HTTP {fault.pods_status}\n")
        return web.Response(body=pods_of_node(self._world.api, self.node), content_type="application/json")


async def _cut(request: web.Request, body: bytes, headers: Mapping[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={**headers, hdrs.CONTENT_LENGTH: str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return response
