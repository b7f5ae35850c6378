"""Access control by client certificate or bearer token (docs/api.md, access)."""

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
"""Paths without access control, for probes: they tell nothing about the cluster.

With a token, the web page's files are open too; the page asks the user for the token. The page's data is not open.
"""

_SCHEME: Final = "bearer"


class Refusal(NamedTuple):
    """The response to a request without access."""

    status: int
    text: str


UNAUTHORIZED: Final = Refusal(401, "Unauthorized")
FORBIDDEN: Final = Refusal(403, "Forbidden")


class Access(Protocol):
    """A rule for access."""

    @property
    def site_is_public(self) -> bool:
        """Whether the web page's files, which contain no data of the cluster, need no access."""

    def refusal(self, scope: Scope) -> Refusal | None:
        """Return None if the request is allowed."""


class ByCertificate:
    """Requires a verified client certificate, of one of these users; of anyone if none are named."""

    site_is_public: Final = False

    def __init__(self, users: frozenset[str]) -> None:
        """Take the users' common names."""
        self._users = users

    def refusal(self, scope: Scope) -> Refusal | None:
        """Refuse with 401 without a certificate, with 403 for another user."""
        user = common_name(scope)
        if user is None:
            return UNAUTHORIZED
        return FORBIDDEN if self._users and user not in self._users else None


class ByToken:
    """Requires the token in a file, which may change at any time. An unreadable file refuses everyone.

    A browser has no token when it loads the web page: the page asks for it and sends it with its requests.
    """

    site_is_public: Final = True

    def __init__(self, path: Path) -> None:
        """Read the file. Raises ConfigError: unreadable or empty."""
        self._path = path
        self._seen: tuple[int, ...] | None = None
        self._token = b""
        try:
            self._read()
        except (OSError, ValueError) as error:
            raise ConfigError(f"--token-file={path}: {_reason(error)}") from error

    def refusal(self, scope: Scope) -> Refusal | None:
        """Refuse with 401 without the token or with a wrong one."""
        scheme, _, given = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() != _SCHEME or not given.strip():
            return UNAUTHORIZED
        try:
            self._read()
        except (OSError, ValueError) as error:
            if self._token:
                log.warning("the token file cannot be read: every request is refused", extra={"error": _reason(error)})
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
    """Middleware that refuses requests without access; open paths always pass."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        """Wrap `app`."""
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
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
