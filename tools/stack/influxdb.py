"""A real InfluxDB 1.8, built with Go, on loopback."""

import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Final

from tools.stack.cache import installed, run_quietly
from tools.stack.ports import LOOPBACK, own_ports
from tools.stack.server import Server

VERSION: Final = "1.8.3"
_TIMEOUT_S: Final = 2.0
_UNAUTHORIZED: Final = 401


def install_influxdb() -> Path:
    """The folder with `influxd`, built if need be (minutes, once). Raises InstallError: Go failed."""
    return installed(f"influxdb-{VERSION}", _build, f"building InfluxDB {VERSION} with Go, about two minutes …")


def _build(folder: Path) -> None:
    run_quietly(
        ["go", "install", f"github.com/influxdata/influxdb/cmd/influxd@v{VERSION}"],
        {"GOBIN": str(folder), "CGO_ENABLED": "0"},  # without cgo no C compiler is needed
    )


def settings(folder: Path, port: int, backup_port: int, *, auth: bool) -> str:
    """The server's configuration file: no limits, no reports; index and cache as in docs/sizing.md."""
    return f"""reporting-disabled = true
bind-address = "{LOOPBACK}:{backup_port}"
[meta]
  dir = "{folder}/meta"
[data]
  dir = "{folder}/data"
  wal-dir = "{folder}/wal"
  index-version = "tsi1"
  max-series-per-database = 0
  max-values-per-tag = 0
  cache-snapshot-memory-size = "256m"
  query-log-enabled = false
[http]
  bind-address = "{LOOPBACK}:{port}"
  flux-enabled = true
  auth-enabled = {str(auth).lower()}
  log-enabled = false
[monitor]
  store-enabled = false
"""


class InfluxDB(Server):
    """One server; it keeps its port and its data when it is launched again. User and password are root."""

    user: Final = "root"
    password: Final = "root"  # noqa: S105 - Heapster's default, on loopback

    def __init__(self, folder: Path, *, auth: bool = False, port: int | None = None) -> None:
        """With its data, settings and log in `folder`, a new one; with `auth`, clients must name user and password.

        A free port if none is given. Installs InfluxDB the first time.
        """
        influxd = install_influxdb() / "influxd"
        self._auth = auth
        free_port, backup_port = own_ports(2)
        self.port = port or free_port
        folder.mkdir(parents=True)
        file = folder / "influxdb.conf"
        file.write_text(settings(folder, self.port, backup_port, auth=auth))
        super().__init__("InfluxDB", (str(influxd), "-config", str(file)), folder / "influxdb.log")

    @property
    def url(self) -> str:
        """Where it serves."""
        return f"http://{LOOPBACK}:{self.port}"

    def serves(self) -> bool:
        """Whether it answers; with `auth` its first user is made then."""
        try:
            with urllib.request.urlopen(f"{self.url}/ping", timeout=_TIMEOUT_S):
                pass
            if self._auth:
                self._create_first_user()
        except (OSError, HTTPException):  # it is not there, or ends while it answers
            return False
        return True

    def _create_first_user(self) -> None:
        query = f"q=CREATE USER {self.user} WITH PASSWORD '{self.password}' WITH ALL PRIVILEGES"
        try:
            with urllib.request.urlopen(f"{self.url}/query", data=query.encode(), timeout=_TIMEOUT_S) as answer:
                answer.read()  # its status says 200 before anything is done; the user is there at its end
        except urllib.error.HTTPError as error:
            if error.code != _UNAUTHORIZED:  # that is the answer when it has one already
                raise
