"""A real InfluxDB 1.8, built with Go, on loopback."""

import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from stack.cache import installed
from stack.ports import free_ports
from stack.server import Server

VERSION: Final = "1.8.3"
_ROOT_USER: Final = "root"


def install_influxdb() -> Path:
    """The folder with `influxd`, built if need be (some minutes, once)."""
    return installed(f"influxdb-{VERSION}", _build)


def _build(folder: Path) -> None:
    subprocess.run(
        ["go", "install", f"github.com/influxdata/influxdb/cmd/influxd@v{VERSION}"],
        check=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | {"GOBIN": str(folder), "GOFLAGS": "-modcacherw"},
    )


def settings(folder: Path, port: int, backup_port: int, *, auth: bool) -> str:
    """The server's configuration file."""
    return f"""reporting-disabled = true
bind-address = "127.0.0.1:{backup_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  max-series-per-database = 0
  max-values-per-tag = 0
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  flux-enabled = true
  auth-enabled = {str(auth).lower()}
  log-enabled = false
[monitor]
  store-enabled = false
[retention]
  check-interval = "1m"
"""


class InfluxDB(Server):
    """One server; it keeps its port and its data when it is started again. User and password are root."""

    user: Final = _ROOT_USER
    password: Final = _ROOT_USER

    def __init__(self, folder: Path, *, auth: bool = False) -> None:
        """With `auth`, clients must name user and password."""
        super().__init__(folder)
        self._influxd = install_influxdb() / "influxd"
        self._auth = auth
        self.port, backup_port = free_ports(2)
        self._settings = folder / "influxdb.conf"
        self._settings.write_text(settings(folder, self.port, backup_port, auth=auth))

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://127.0.0.1:{self.port}"

    def command(self) -> Sequence[str]:
        """The server."""
        return [str(self._influxd), "-config", str(self._settings)]

    def ready(self) -> bool:
        """Whether it answers; with `auth` its first user is made then."""
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=2):
                pass
            if self._auth:
                self._first_user()
        except (urllib.error.URLError, OSError):
            return False
        return True

    def _first_user(self) -> None:
        body = f"q=CREATE USER {self.user} WITH PASSWORD '{self.password}' WITH ALL PRIVILEGES".encode()
        try:
            with urllib.request.urlopen(f"{self.url}/query", data=body, timeout=5):
                pass
        except urllib.error.HTTPError as error:
            if error.code != 401:  # noqa: PLR2004 - unauthorized: it is there already
                raise
