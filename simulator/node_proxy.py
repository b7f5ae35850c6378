"""The API server's way to kubelets: `/api/v1/nodes/NAME/proxy/…`, also `SCHEME:NAME:PORT` for NAME.

As in the real one a port that is not the kubelet's own is asked without credentials, by the scheme that is named.
"""

import re
from collections.abc import AsyncIterator, Mapping
from typing import Final

from aiohttp import ClientError, ClientSession, TCPConnector, hdrs, web

from simulator.objects import Endpoint
from simulator.status import RequestError

TOKEN: Final = "of-the-api-server"  # noqa: S105 - known to simulated kubelets only
_NODE: Final = re.compile(r"(?:(https?|):)?([^:]+)(?::([0-9]+))?")


class NodeProxy:
    """Forwards to the kubelets at these endpoints."""

    def __init__(self, endpoints: Mapping[str, Endpoint], scheme: str) -> None:
        """`scheme` is what kubelets speak: http or https."""
        self._endpoints = endpoints
        self._scheme = scheme
        self._session: ClientSession

    async def running(self, _app: web.Application) -> AsyncIterator[None]:
        """While the API server runs."""
        async with ClientSession(connector=TCPConnector(ssl=False)) as self._session:
            yield

    async def forward(self, node: str, path: str) -> web.Response:
        """What the kubelet answers. Raises RequestError: 400 no such form, 404 no such node, 503 no answer."""
        found = _NODE.fullmatch(node)
        if found is None:
            raise RequestError(400, f'invalid node request "{node}"')
        endpoint = self._endpoints.get(found[2])
        if endpoint is None:
            raise RequestError(404, f'nodes "{found[2]}" not found')
        is_own = found[3] in {None, str(endpoint.port)}
        scheme, port = (self._scheme, endpoint.port) if is_own else (found[1] or "http", int(found[3]))
        headers = {hdrs.AUTHORIZATION: f"Bearer {TOKEN}"} if is_own else {}
        try:
            async with self._session.get(f"{scheme}://{endpoint.address}:{port}/{path}", headers=headers) as answer:
                body = await answer.read()
        except ClientError as error:
            raise RequestError(503, f"error trying to reach service: {error}") from error
        passed = {name: answer.headers[name] for name in (hdrs.DATE, hdrs.CONTENT_TYPE) if name in answer.headers}
        return web.Response(status=answer.status, body=body, headers=passed)
