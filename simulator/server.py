"""The simulated cluster as running servers: the API and every node's kubelet, in one event loop."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from socket import socket
from ssl import SSLContext
from types import TracebackType
from typing import Final, Self

import orjson
from aiohttp import web

from simulator.cluster import Cluster, ClusterSize
from simulator.kubelet import Kubelet
from simulator.kubernetes_api import BOOKMARK_INTERVAL_S, KubernetesApi
from simulator.listening import ListenAddresses, Listening, listen, listen_on_each
from simulator.live_world import LiveWorld
from simulator.node_proxy import NodeProxy
from simulator.world import FixedWorld, World, internal_addresses

FREE_PORTS: Final = ListenAddresses()


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates of the servers; None: plain http."""

    api: SSLContext | None = None
    kubelets: SSLContext | None = None


PLAIN: Final = Tls()
_TICK_S: Final = 1.0
_GRACE_S: Final = 1.0


class SimulatedCluster:
    """Serves a world while it is entered: `async with`, or `with`, which runs it in a thread of its own."""

    def __init__(
        self,
        world: World,
        nodes: Iterable[str],
        listening: Listening,
        *,
        tls: Tls = PLAIN,
        clock: Callable[[], int] = time.time_ns,
        bookmark_interval_s: float = BOOKMARK_INTERVAL_S,
    ) -> None:
        """Of sockets that listen already, one for each of the nodes; the clock gives nanoseconds since the epoch."""
        self.world = world
        self.api_url = listening.api_url("https" if tls.api else "http")
        self.kubelets = {node: Kubelet(node, world, clock) for node in nodes}
        self.endpoints = dict(zip(self.kubelets, listening.endpoints, strict=True))
        proxy = NodeProxy(self.endpoints, "https" if tls.kubelets else "http")
        self.api = KubernetesApi(world.api, proxy, bookmark_interval_s=bookmark_interval_s)
        self._tls = tls
        self._listening = listening
        self._clock = clock
        self._running = AsyncExitStack()
        self._runners: list[web.AppRunner] = []
        self._ticking: asyncio.Task[None] | None = None
        self._thread: _LoopThread | None = None

    @classmethod
    def fixed(
        cls,
        world: FixedWorld,
        *,
        addresses: Mapping[str, str] | None = None,
        api_port: int = 0,
        kubelet_port: int = 0,
        tls: Tls = PLAIN,
        bookmark_interval_s: float = BOOKMARK_INTERVAL_S,
    ) -> Self:
        """A fixed world on loopback; port 0 is any free one.

        `addresses` tells where the kubelet of each node listens, all on one port; without, on the InternalIP of each
        node that the world shows now. A node that is to appear later must be named here.
        """
        if addresses is None:
            addresses = internal_addresses(orjson.loads(body) for body in world.api.listing("nodes").bodies)
        listening = listen_on_each(addresses.values(), api_port=api_port, kubelet_port=kubelet_port)
        return cls(world, addresses, listening, tls=tls, bookmark_interval_s=bookmark_interval_s)

    @classmethod
    def generated(
        cls,
        shape: ClusterSize,
        layout: ListenAddresses = FREE_PORTS,
        *,
        tls: Tls = PLAIN,
        clock: Callable[[], int] = time.time_ns,
    ) -> Self:
        """The cluster of that shape, moving with the clock."""
        listening = listen(layout, shape.nodes)
        cluster = Cluster(shape, listening.endpoints)
        return cls(LiveWorld(cluster, clock()), cluster.nodes, listening, tls=tls, clock=clock)

    @property
    def addresses(self) -> Mapping[str, str]:
        """The address of each node's kubelet."""
        return {node: where.address for node, where in self.endpoints.items()}

    @property
    def kubelet_port(self) -> int:
        """The kubelets' common port. Raises ValueError: they have none."""
        ports = {where.port for where in self.endpoints.values()}
        if len(ports) != 1:
            raise ValueError(f"{len(self.endpoints)} kubelets on {len(ports)} ports: ask for endpoints")
        return ports.pop()

    async def __aenter__(self) -> Self:
        """Start serving; returns once every server answers."""
        self._running.push_async_callback(self._stop_serving)
        await self._serve(self.api.application(), self._listening.api, self._tls.api)
        for kubelet, listening in zip(self.kubelets.values(), self._listening.kubelets, strict=True):
            await self._serve(kubelet.application(), listening, self._tls.kubelets)
        self._ticking = asyncio.create_task(self._tick(), name="simulated time")
        self._running.push_async_callback(_cancelled, self._ticking)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving: within about a second, whatever is still being answered."""
        await self._running.aclose()

    def __enter__(self) -> Self:
        """The same, in a thread of its own."""
        self._thread = _LoopThread(self)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop serving and wait for the thread."""
        if self._thread is not None:
            self._thread.stop()

    async def serve_until(self, stopped: asyncio.Event) -> None:
        """Wait for `stopped`, or for time to stand still, which is an error that is raised on leaving."""
        waiting = asyncio.create_task(stopped.wait())
        await asyncio.wait({waiting, *filter(None, [self._ticking])}, return_when=asyncio.FIRST_COMPLETED)
        await _cancelled(waiting)

    async def _serve(self, app: web.Application, listening: socket, tls: SSLContext | None) -> None:
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE_S)
        self._runners.append(runner)
        await runner.setup()
        await web.SockSite(runner, listening, ssl_context=tls).start()

    async def _stop_serving(self) -> None:
        servers = filter(None, (runner.server for runner in self._runners))
        open_ones = [connection.transport for server in servers for connection in server.connections]
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))  # each may take its time of grace
        for transport in filter(None, open_ones):  # over TLS a peer that says no goodbye would keep them open
            transport.abort()
        await asyncio.sleep(0)

    async def _tick(self) -> None:
        while True:
            self.world.advance(self._clock())
            await asyncio.sleep(_TICK_S)


class _LoopThread:
    """A thread with an event loop that serves a cluster until it is told to stop."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self._cluster = cluster
        self._ready = threading.Event()
        self._stopped = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._pool = ThreadPoolExecutor(1, "simulated-cluster")
        self._serving: Future[None] | None = None

    def start(self) -> None:
        self._serving = self._pool.submit(asyncio.run, self._serve())
        self._serving.add_done_callback(lambda _: self._ready.set())
        self._ready.wait()
        if self._serving.done():
            self._serving.result()

    def stop(self) -> None:
        if self._loop is not None and self._serving is not None and not self._serving.done():
            self._loop.call_soon_threadsafe(self._stopped.set)
        if self._serving is not None:
            self._serving.result()
        self._pool.shutdown()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with self._cluster:
            self._ready.set()
            await self._cluster.serve_until(self._stopped)


async def _cancelled(task: asyncio.Task[object]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
