"""Who the scraper is at the API server and the kubelets: read when it starts, and again as it changes or expires."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped] # has no annotations
from kubernetes import client

from runtime.errors import ConfigError
from scraper.cluster.credentials import Access, api_configuration, warn

log = logging.getLogger(__name__)

LOOK_EVERY_S: Final = 30.0
"""How often a kubeconfig and the token file that it names are read, and how often at most after a refusal."""

TOKEN_KEPT_S: Final = 1.0
"""How long a token is used without a look at where it comes from."""


class Login:
    """Credentials that do not grow old; used by many threads at once.

    A service account's token is read for each request. A kubeconfig is read now and then, one that runs a program only
    as it changes: the program is run again when its token is about to expire. A refusal has everything read anew.
    """

    def __init__(self, access: Access, read: Callable[[Access], client.Configuration] = api_configuration) -> None:
        """Read for the first time. Raises ConfigError: what the source asks for is not there."""
        self._access = access
        self._read = read
        self._lock = threading.RLock()
        self._configuration = read(access)
        self._read_at = time.monotonic()
        self._stamp = _stamp(access.kubeconfig)
        self._looks_often = bool(access.kubeconfig) and not access.in_cluster and not _runs_programs(access.kubeconfig)
        self._was_refused = False
        self._failing = False
        self._given: str | None = None
        self._token = ""
        self._token_until = self._read_at
        warn(access, self._configuration)

    @property
    def configuration(self) -> client.Configuration:
        """Where the API server is and whom to trust; another object once it has changed."""
        with self._lock:
            if time.monotonic() - self._read_at >= LOOK_EVERY_S and self._may_have_changed():
                self._read_again()
            return self._configuration

    def authorization(self, url: str) -> Mapping[str, str]:
        """The header that says who we are; none over plain http, where anyone could read it."""
        if not url.startswith("https://"):
            return {}
        with self._lock:
            configuration = self.configuration
            if time.monotonic() >= self._token_until:
                self._take(configuration.get_api_key_with_prefix("BearerToken"))
                self._token_until = time.monotonic() + TOKEN_KEPT_S  # a program that fails is not run for each request
            return {"Authorization": self._token} if self._token else {}

    def refused(self) -> None:
        """To be told when a server does not believe us: HTTP 401, or a TLS handshake that failed."""
        self._was_refused = True

    def _take(self, given: str | None) -> None:
        """Without the line break that files end with, as kubectl has it. What no header can have is told once."""
        if given == self._given:
            return
        self._given, self._token = given, (given or "").strip()
        if not (self._token.isascii() and self._token.isprintable()):
            self._token = ""
            log.warning("the token is not sent: it has characters that no token has", extra={"flag": self._access.flag})

    def _may_have_changed(self) -> bool:
        return self._was_refused or self._looks_often or _stamp(self._access.kubeconfig) != self._stamp

    def _read_again(self) -> None:
        """What cannot be read, as a file that is just being written, leaves all as it is."""
        self._read_at = time.monotonic()
        self._was_refused = False
        self._token_until = self._read_at
        stamp = _stamp(self._access.kubeconfig)
        try:
            self._configuration = self._read(self._access)
            self._stamp, self._failing = stamp, False
        except ConfigError as error:
            if not self._failing:
                log.warning("credentials cannot be read again, the old ones stay in use", extra={"error": str(error)})
            self._failing = True


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = Path(path).expanduser().stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None


def _runs_programs(path: str) -> bool:
    """Whether a kubeconfig, which has been read before, gets credentials from a program."""
    content: Any = yaml.safe_load(Path(path).expanduser().read_bytes())
    users = [each.get("user") or {} for each in content.get("users") or []]
    return any("exec" in user or "auth-provider" in user for user in users)
