"""What a sink is told: where points go, and which; options and defaults are Heapster's (docs/configuration.md, 3)."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self
from urllib.parse import SplitResult, quote

from runtime.duration import NS_PER_S, influx_duration_ns
from runtime.errors import ConfigError
from runtime.uri import KeyedUri, Options
from writer.points import Schema
from writer.tags import TagSet

INFLUXDB: Final = "influxdb"
LOG: Final = "log"
SINKS: Final = (INFLUXDB, LOG)

POLICY: Final = "default"  # the retention policy that Heapster writes to
_DEFAULT_HOST: Final = "localhost:8086"
_MIN_RETENTION_NS: Final = 3600 * NS_PER_S  # InfluxDB refuses a shorter one
_MAX_RETENTION_NS: Final = 2**63 - 1
_MAX_CONCURRENCY: Final = 64
_TAG_SETS: Final[dict[str, TagSet]] = {"1.3": "1.3", "1.5": "1.5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Version1:
    """Where points go in an InfluxDB 1.x: a database, its policy `default`, a user; no user sends no credentials."""

    database: str
    user: str
    password: str = field(repr=False)

    @property
    def bucket(self) -> str:
        """The name that the 2.x write API of 1.8 has for it."""
        return f"{self.database}/{POLICY}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Version2:
    """Where points go in an InfluxDB 2.x: a bucket of an organisation; the token itself, or the file it is in."""

    org: str
    bucket: str
    token: str = field(repr=False)
    token_file: Path | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxConfig:
    """One InfluxDB: how it is reached, what is written to it, how long it is kept."""

    url: str
    target: Version1 | Version2
    verify_certificate: bool
    schema: Schema
    retention_ns: int | None  # 0 keeps for ever; None too, but leaves what exists as it is
    concurrency: int  # write requests in flight, 1 or more

    @property
    def identity(self) -> str:
        """What stays the same as long as the same points go to the same place: part of the consumer group's name."""
        where = self.url.partition("://")[2]
        into = (self.target.database,) if isinstance(self.target, Version1) else (self.target.org, self.target.bucket)
        layout = "fields" if self.schema.with_fields else "values"
        return f"{INFLUXDB}-{where}-{'/'.join(quote(name, safe='') for name in into)}-{layout}"

    @classmethod
    def parse(cls, keyed: KeyedUri, option: Options) -> Self:
        """From `influxdb:http://host:8086?db=k8s&withfields=true`.

        `secure` decides on TLS; where it is not given, the scheme does. `org` and `token` (or `token_file`) make it an
        InfluxDB 2.x.

        Raises:
            ConfigError: option and value that cannot be used.
        """
        url = _url(keyed, secure=option.boolean("secure", default=bool(keyed.uri and keyed.uri.scheme == "https")))
        return cls(
            url=url,
            target=_target(option),
            verify_certificate=not option.boolean("insecuressl", default=False),
            schema=_schema(option),
            retention_ns=_retention_ns(option),
            concurrency=option.integer("concurrency", 1, at_least=1, at_most=_MAX_CONCURRENCY),
        )


def ignored_parts(keyed: KeyedUri) -> tuple[str, ...]:
    """Parts of the URI that no sink reads, though they were given."""
    uri = keyed.uri
    if uri is None:
        return ()
    parts = {
        "user and password before the @ (use the options user and pw)": uri.username is not None,
        f"the path {uri.path}": uri.path not in {"", "/"},
    }
    return tuple(name for name, given in parts.items() if given)


def _url(keyed: KeyedUri, *, secure: bool) -> str:
    host = _host(keyed) or _DEFAULT_HOST
    scheme, port = ("https", 443) if secure else ("http", 80)
    return f"{scheme}://{host}" if re.search(r":\d+$", host) else f"{scheme}://{host}:{port}"


def _host(keyed: KeyedUri) -> str:
    """HOST or HOST:PORT; empty if the URI has none and means none."""
    uri = keyed.uri
    if uri is None:
        return ""
    host = uri.netloc.rpartition("@")[2]
    if not host and (uri.scheme or uri.path):
        raise ConfigError(
            f"{keyed.flag}={keyed.key}: {_without_secrets(uri)!r} names no host:"
            f" expected {keyed.key}:http://HOST:PORT?OPTION=VALUE&…"
        )
    return host.removesuffix(":")


def _without_secrets(uri: SplitResult) -> str:
    return uri._replace(query="", fragment="").geturl()


def _target(option: Options) -> Version1 | Version2:
    database = _database(option)
    if not {"org", "bucket", "token", "token_file"} & set(option.values):
        return Version1(database=database, user=option.text("user", "root"), password=option.text("pw", "root"))
    org, token, token_file = (option.text(name, "") for name in ("org", "token", "token_file"))
    if not org:
        raise ConfigError(f"{option.flag}: `org` is missing: InfluxDB 2.x needs org, and token or token_file")
    if bool(token) == bool(token_file):
        raise ConfigError(f"{option.flag}: InfluxDB 2.x needs one of `token` and `token_file`")
    if not (token.isascii() and token.isprintable()):
        raise ConfigError(f"{option.flag}: `token` has characters that no token has")
    bucket = option.text("bucket", f"{database}/{POLICY}")
    if not bucket or bucket.startswith("_") or '"' in bucket:
        raise ConfigError(f"{option.flag}: `bucket` {bucket!r} is no name that InfluxDB takes")
    path = Path(token_file) if token_file else None
    return Version2(org=org, bucket=bucket, token=token or read_token(option.flag, path), token_file=path)


def read_token(flag: str, path: Path | None) -> str:
    """The token in a file, without the space around it. Raises ConfigError: unreadable or empty."""
    if path is None:
        return ""
    try:
        token = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise ConfigError(f"{flag}: `token_file` {path} cannot be read: {reason}") from error
    if not token:
        raise ConfigError(f"{flag}: `token_file` {path} is empty")
    return token


def _database(option: Options) -> str:
    database = option.text("db", "k8s")
    if not database or database in {".", ".."} or not database.isprintable() or set(database) & set("/\\"):
        raise ConfigError(f"{option.flag}: `db` {database!r} is no name that InfluxDB takes")
    return database


def _schema(option: Options) -> Schema:
    tag_set = option.text("tags", "1.5")
    if tag_set not in _TAG_SETS:
        raise ConfigError(
            f"{option.flag}: `tags` {tag_set!r} is neither 1.5 (without namespace_id, pod_id, hostname, host_id)"
            " nor 1.3 (every label)"
        )
    return Schema(
        with_fields=option.boolean("withfields", default=False),
        counters_with_rates=not option.boolean("disable_counter_metrics", default=False),
        tag_set=_TAG_SETS[tag_set],
        cluster_name=option.text("cluster_name", "") if "cluster_name" in option.values else None,
    )


def _retention_ns(option: Options) -> int | None:
    text = option.text("retention", "")
    if "retention" not in option.values:
        return None
    try:
        retention_ns = influx_duration_ns(text)
    except ValueError as error:
        raise ConfigError(f"{option.flag}: `retention` {error}") from error
    if 0 < retention_ns < _MIN_RETENTION_NS:
        raise ConfigError(f"{option.flag}: `retention` {text!r} is less than 1h, the shortest InfluxDB keeps")
    if retention_ns > _MAX_RETENTION_NS:
        raise ConfigError(f"{option.flag}: `retention` {text!r} is longer than 292 years: 0 keeps for ever")
    return retention_ns
