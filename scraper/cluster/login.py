"""Credentials for the API server and the kubelets, kept up to date while the scraper runs."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml  # type: ignore[import-untyped] # has no annotations
from kubernetes import client

from runtime.errors import ConfigError
from scraper.cluster.credentials import Access, api_configuration, log_warnings

log = logging.getLogger(__name__)

REFRESH_INTERVAL_S: Final = 30.0
"""How often a kubeconfig and its token file are read, and the shortest time between two reads after rejections."""

TOKEN_CACHE_S: Final = 1.0
"""How long a token is used before its source is checked again."""


class Login:
    """Current credentials; safe for use by many threads.

    A service account's token is read for each request. A kubeconfig is read every `REFRESH_INTERVAL_S`; one that runs a
    credential program is read only when it changes, and the program runs again when its token is about to expire.
    Rejected credentials are read again.
    """

    def __init__(self, access: Access, read: Callable[[Access], client.Configuration] = api_configuration) -> None:
        """Read the credentials. Raises ConfigError: a file or variable that the source requires is missing."""
        self._access = access
        self._read = read
        self._lock = threading.RLock()
        self._configuration = read(access)
        self._read_at = time.monotonic()
        self._file_version = _file_version(access.kubeconfig)
        self._refreshes = bool(access.kubeconfig) and not access.in_cluster and not _runs_programs(access.kubeconfig)
        self._was_rejected = False
        self._failing = False
        self._raw_token: str | None = None
        self._token = ""
        self._token_until = self._read_at
        log_warnings(access, self._configuration)

    @property
    def configuration(self) -> client.Configuration:
        """Address and TLS settings of the API server; a new object after a change."""
        with self._lock:
            if time.monotonic() - self._read_at >= REFRESH_INTERVAL_S and self._may_have_changed():
                self._read_again()
            return self._configuration

    def authorization(self, url: str) -> Mapping[str, str]:
        """The Authorization header for a URL; empty over plain http, where anyone could read the token."""
        if not url.startswith("https://"):
            return {}
        with self._lock:
            configuration = self.configuration
            if time.monotonic() >= self._token_until:
                self._set_token(configuration.get_api_key_with_prefix("BearerToken"))
                self._token_until = time.monotonic() + TOKEN_CACHE_S  # a failing program does not run for each request
            return {"Authorization": self._token} if self._token else {}

    def credentials_rejected(self) -> None:
        """Record that a server rejected the credentials: HTTP 401, or a failed TLS handshake."""
        self._was_rejected = True

    def _set_token(self, raw: str | None) -> None:
        """Strip the line break at the end of a token file, as kubectl does; refuse characters illegal in a header."""
        if raw == self._raw_token:
            return
        self._raw_token, self._token = raw, (raw or "").strip()
        if not (self._token.isascii() and self._token.isprintable()):
            self._token = ""
            log.warning("token not sent: it has illegal characters, check its file", extra={"flag": self._access.flag})

    def _may_have_changed(self) -> bool:
        return self._was_rejected or self._refreshes or _file_version(self._access.kubeconfig) != self._file_version

    def _read_again(self) -> None:
        """Refresh the configuration; if it cannot be read, for example while it is written, keep the current one."""
        self._read_at = time.monotonic()
        self._was_rejected = False
        self._token_until = self._read_at
        file_version = _file_version(self._access.kubeconfig)
        try:
            self._configuration = self._read(self._access)
            self._file_version, self._failing = file_version, False
        except ConfigError as error:
            if not self._failing:
                log.warning("credentials cannot be refreshed, keeping the current ones", extra={"error": str(error)})
            self._failing = True


def _file_version(path: str) -> tuple[int, int] | None:
    """Modification time and size; None if there is no file."""
    try:
        found = Path(path).expanduser().stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None


def _runs_programs(path: str) -> bool:
    """Whether a kubeconfig, known to be readable, gets credentials from a program."""
    content: Any = yaml.safe_load(Path(path).expanduser().read_bytes())
    users = [each.get("user") or {} for each in content.get("users") or []]
    return any("exec" in user or "auth-provider" in user for user in users)
