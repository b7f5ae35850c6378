"""Access: who may ask, by a client certificate or a bearer token (docs/api.md, access)."""

import hmac
import logging
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.http.peer import common_name
from api.http.responses import text_answer
from api.http.static import is_public
from runtime.errors import ConfigError

log = logging.getLogger(__name__)

OPEN: Final = frozenset({"/healthz", "/healthz/healthz", "/readyz"})
"""For probes, which have neither certificate nor token; they tell nothing about what runs in the cluster.

So is the page itself, which asks whoever looks at it for the token; what it shows is not.
"""

_SCHEME: Final = "bearer"


class Refusal(NamedTuple):
    """The answer to somebody who may not."""

    status: int
    text: str


UNAUTHORIZED: Final = Refusal(401, "Unauthorized")
FORBIDDEN: Final = Refusal(403, "Forbidden")


class Access(Protocol):
    """A rule for who may ask."""

    @property
    def site_is_public(self) -> bool:
        """Whether anyone gets the web page's files, in which nothing of the cluster is."""

    def refusal(self, scope: Scope) -> Refusal | None:
        """None: this request may pass."""


class ByCertificate:
    """A certificate that the server has verified; of one of these users, or of anyone if none are named."""

    site_is_public: Final = False

    def __init__(self, users: frozenset[str]) -> None:
        """Users are common names."""
        self._users = users

    def refusal(self, scope: Scope) -> Refusal | None:
        """401 without a certificate, 403 with somebody else's."""
        user = common_name(scope)
        if user is None:
            return UNAUTHORIZED
        return FORBIDDEN if self._users and user not in self._users else None


class ByToken:
    """The token in a file, which may be renewed at any time. A file that cannot be read lets nobody in.

    A browser has no token when it asks for the web page: the page asks for it, and sends it with what it asks.
    """

    site_is_public: Final = True

    def __init__(self, path: Path) -> None:
        """Raises ConfigError: the file cannot be read, or has no token."""
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._token = b""
        try:
            self._read()
        except (OSError, ValueError) as error:
            raise ConfigError(f"--token-file={path}: {_reason(error)}") from error

    def refusal(self, scope: Scope) -> Refusal | None:
        """401 without the token, and with another."""
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != _SCHEME or not given.strip():
            return UNAUTHORIZED
        try:
            self._read()
        except (OSError, ValueError) as error:
            if self._token:
                log.warning("the token file cannot be read: nobody gets in", extra={"error": _reason(error)})
            self._token, self._seen = b"", None
        if self._token and hmac.compare_digest(given.strip().encode("latin-1"), self._token):
            return None
        return UNAUTHORIZED

    def _read(self) -> None:
        found = self._path.stat()
        seen = (found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev)
        if seen == self._seen:
            return
        token = self._path.read_bytes().strip()
        if not token:
            raise ValueError("it is empty")
        self._token, self._seen = token, seen


class Guard:
    """Lets through who may ask; what is open is open to all."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """In front of `app`."""
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand on, or refuse."""
        if scope["type"] == "http" and not self._is_open(scope["path"]):
            refusal = self._access.refusal(scope)
            if refusal is not None:
                answer = text_answer(refusal.text, refusal.status)
                if refusal is UNAUTHORIZED and isinstance(self._access, ByToken):
                    answer.headers["WWW-Authenticate"] = "Bearer"
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _is_open(self, path: str) -> bool:
        return path in OPEN or (self._access.site_is_public and is_public(path))


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
