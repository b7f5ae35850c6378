"""An application is asked within the process: no server and no thread, either of which costs more than the answer."""

import asyncio
from collections.abc import Mapping

from httpx2 import ASGITransport, AsyncClient, Response
from starlette.types import ASGIApp


class Asked:
    """Asks one application, and follows no redirect."""

    def __init__(self, app: ASGIApp) -> None:
        self._client = AsyncClient(transport=ASGITransport(app), base_url="http://testserver")

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Response:
        return self.request("GET", path, headers)

    def request(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> Response:
        return asyncio.run(self._client.request(method, path, headers=headers))
