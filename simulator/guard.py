"""Who may do what: bearer tokens, each with the rights of its owner, as RBAC would give them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiohttp import hdrs, web

from simulator.status import RequestError

_BEARER: Final = "Bearer "


@dataclass(slots=True)
class Guard:
    """Lets in whoever may; may be changed while servers run.

    A right is a verb and a resource: `list nodes`, `watch pods`, `get nodes/stats`.
    """

    tokens: Mapping[str, frozenset[str]] | None = None  # rights by token; None: everybody may do everything

    def check(self, request: web.Request, *rights: str) -> None:
        """Raises RequestError: 401 without a token that is known, 403 with one that has none of these rights."""
        if self.tokens is None:
            return
        given = request.headers.get(hdrs.AUTHORIZATION, "")
        owned = self.tokens.get(given.removeprefix(_BEARER)) if given.startswith(_BEARER) else None
        if owned is None:
            raise RequestError(401, "Unauthorized")
        if not owned & set(rights):
            verb, _, resource = rights[0].partition(" ")
            raise RequestError(403, f'User "simulated" cannot {verb} resource "{resource}" at the cluster scope')


ALL_RIGHTS: Final = frozenset(
    f"{verb} {resource}" for verb in ("list", "watch") for resource in ("nodes", "pods", "namespaces")
) | {"get nodes/stats", "get nodes/metrics", "get nodes/proxy"}
