"""Address, target and credentials of an InfluxDB, parsed from its URI.

Options and defaults are Heapster's (docs/configuration.md, 3).
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult

from runtime.errors import ConfigError
from runtime.uri import KeyedUri, UriOptions

INFLUXDB: Final = "influxdb"
POLICY: Final = "default"  # the retention policy that Heapster writes to
VERSION_1_OPTIONS: Final = ("user", "pw")  # options of Heapster that have no effect with InfluxDB 2.x
_DEFAULT_HOST: Final = "localhost:8086"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version1:
    """A database of an InfluxDB 1.x with retention policy `default`. Without a user, no credentials are sent."""

    database: str
    user: str
    password: str = field(repr=False)

    @property
    def bucket(self) -> str:
        """The database as a bucket name, for the 2.x write API of InfluxDB 1.8."""
        return f"{self.database}/{POLICY}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version2:
    """A bucket of an organisation in an InfluxDB 2.x, with the token or the file that contains it."""

    org: str
    bucket: str
    token: str = field(repr=False)
    token_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxServer:
    """An InfluxDB server and the database or bucket in it."""

    url: str
    target: Version1 | Version2
    verify_certificate: bool

    @classmethod
    def parse(cls, keyed: KeyedUri, option: UriOptions) -> Self:
        """Parse a URI such as `influxdb:http://host:8086?db=k8s`.

        `secure` selects TLS, by default the scheme does. `org` and `token` (or `token_file`) select InfluxDB 2.x.

        Raises:
            ConfigError: an option has an invalid value; the message names both.
        """
        return cls(
            url=_url(keyed, option),
            target=_target(option),
            verify_certificate=not option.boolean("insecuressl", default=False),
        )


def ignored_parts(keyed: KeyedUri) -> tuple[str, ...]:
    """Parts of the URI that are set but have no effect."""
    uri = keyed.uri
    if uri is None:
        return ()
    parts = {
        "user and password before the @ (use the options user and pw)": uri.username is not None,
        f"the path {uri.path}": uri.path not in {"", "/"},
    }
    return tuple(name for name, given in parts.items() if given)


def read_token(flag: str, path: Path | None) -> str:
    """The token in a file, stripped of white space; empty without a file. Raises ConfigError: unreadable or empty."""
    if path is None:
        return ""
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not ASCII text"
        raise ConfigError(f"{flag}: `token_file` {path} cannot be read: {reason}") from error
    if not token:
        raise ConfigError(f"{flag}: `token_file` {path} is empty")
    return token


def _url(keyed: KeyedUri, option: UriOptions) -> str:
    secure = option.boolean("secure", default=bool(keyed.uri and keyed.uri.scheme == "https"))
    host = _host(keyed) or _DEFAULT_HOST
    scheme, port = ("https", 443) if secure else ("http", 80)
    return f"{scheme}://{host}" if re.search(r":\d+$", host) else f"{scheme}://{host}:{port}"


def _host(keyed: KeyedUri) -> str:
    """HOST or HOST:PORT; empty if the URI has neither host, scheme nor path."""
    uri = keyed.uri
    if uri is None:
        return ""
    host = uri.netloc.rpartition("@")[2]
    if not host and (uri.scheme or uri.path):
        raise ConfigError(
            f"{keyed.flag}={keyed.key}: {_without_secrets(uri)!r} has no host:"
            f" expected {keyed.key}:http://HOST:PORT?OPTION=VALUE&…"
        )
    return host.removesuffix(":")


def _without_secrets(uri: SplitResult) -> str:
    return uri._replace(query="", fragment="").geturl()


def _target(option: UriOptions) -> Version1 | Version2:
    database = _database(option)
    if not {"org", "bucket", "token", "token_file"} & set(option.values):
        return Version1(database=database, user=option.text("user", "root"), password=option.text("pw", "root"))
    org, token, token_file = (option.text(name, "") for name in ("org", "token", "token_file"))
    if not org:
        raise ConfigError(f"{option.flag}: `org` is missing: InfluxDB 2.x needs `org`, and `token` or `token_file`")
    if bool(token) == bool(token_file):
        raise ConfigError(f"{option.flag}: InfluxDB 2.x needs either `token` or `token_file`")
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(f"{option.flag}: `token` contains characters that are not printable ASCII")
    bucket = option.text("bucket", f"{database}/{POLICY}")
    if not bucket or bucket.startswith("_") or '"' in bucket:
        raise ConfigError(f"{option.flag}: `bucket` {bucket!r} is not a valid name in InfluxDB")
    path = Path(token_file) if token_file else None
    return Version2(org=org, bucket=bucket, token=token or read_token(option.flag, path), token_file=path)


def _database(option: UriOptions) -> str:
    database = option.text("db", "k8s")
    if not database or database in {".", ".."} or not database.isprintable() or set(database) & set("/\\"):
        raise ConfigError(f"{option.flag}: `db` {database!r} is not a valid name in InfluxDB")
    return database
