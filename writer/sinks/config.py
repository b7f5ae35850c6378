"""Options of the sinks `influxdb` and `file`; names and defaults are Heapster's (docs/configuration.md, 3)."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, unquote

from runtime.duration import NS_PER_S, influx_duration_ns
from runtime.errors import ConfigError
from runtime.influxdb import INFLUXDB, InfluxServer, Version1, Version2
from runtime.uri import KeyedUri, UriOptions
from writer.lines.filters import NO_FILTER, Filter
from writer.lines.point_schema import TagSet
from writer.lines.render import PointSchema
from writer.sinks.filter_options import parse_filter

LOG: Final = "log"
FILE: Final = "file"

_MIN_RETENTION_NS: Final = 3600 * NS_PER_S  # the shortest that InfluxDB accepts
_MAX_RETENTION_NS: Final = 2**63 - 1
_MAX_CONCURRENCY: Final = 64
_TAG_SETS: Final[dict[str, TagSet]] = {"1.3": "1.3", "1.5": "1.5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxConfig:
    """Connection, schema, filter and retention of one InfluxDB."""

    url: str
    target: Version1 | Version2
    verify_certificate: bool
    schema: PointSchema
    retention_ns: int | None  # 0 keeps for ever; None too, but does not change an existing retention
    concurrency: int  # write requests in flight, 1 or more
    sink_filter: Filter = NO_FILTER

    @property
    def identity(self) -> str:
        """Identity of the sink, part of the consumer group's name: address, database or bucket, and schema.

        Without the filter, so that a changed filter continues at the committed offsets.
        """
        address = self.url.partition("://")[2]
        target = (self.target.database,) if isinstance(self.target, Version1) else (self.target.org, self.target.bucket)
        return f"{INFLUXDB}-{address}-{'/'.join(quote(name, safe='') for name in target)}-{_schema_name(self.schema)}"

    @classmethod
    def parse(cls, keyed: KeyedUri, option: UriOptions) -> Self:
        """Parse `influxdb:http://host:8086?db=k8s&withfields=true`.

        Raises:
            ConfigError: an option has an invalid value.
        """
        server = InfluxServer.parse(keyed, option)
        return cls(
            url=server.url,
            target=server.target,
            verify_certificate=server.verify_certificate,
            schema=_schema(option),
            retention_ns=_retention_ns(option),
            concurrency=option.integer("concurrency", 1, at_least=1, at_most=_MAX_CONCURRENCY),
            sink_filter=parse_filter(option, with_tags=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileConfig:
    """Path, schema and filter of a file, or of standard output."""

    path: Path | None  # None is standard output
    schema: PointSchema
    sink_filter: Filter = NO_FILTER

    @property
    def identity(self) -> str:
        """Identity of the sink, part of the consumer group's name: path and schema."""
        return f"{FILE}-{self.path or '-'}-{_schema_name(self.schema)}"

    @classmethod
    def parse(cls, keyed: KeyedUri, option: UriOptions) -> Self:
        """Parse `file:/var/lib/points.lp?withfields=true`, or `file:-`.

        Raises:
            ConfigError: the path is missing or not writable, or an option has an invalid value.
        """
        path = unquote(keyed.uri.path) if keyed.uri and not keyed.uri.netloc else ""
        if not path:
            raise ConfigError(f"{option.flag}: path missing: expected {FILE}:/PATH, or {FILE}:- for standard output")
        return cls(
            path=None if path == "-" else _writable_path(option.flag, Path(path).absolute()),
            schema=_schema(option),
            sink_filter=parse_filter(option, with_tags=True),
        )


def _writable_path(flag: str, path: Path) -> Path:
    if path.is_dir():
        raise ConfigError(f"{flag}: {path} is a directory: give the path of a file")
    if not path.parent.is_dir():
        raise ConfigError(f"{flag}: the directory {path.parent} does not exist: create it, or give another path")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"{flag}: {path} is not writable by this user: change its permissions, or give another path")
    return path


def _schema_name(schema: PointSchema) -> str:
    return "fields" if schema.with_fields else "values"


def _schema(option: UriOptions) -> PointSchema:
    tag_set = option.text("tags", "1.5")
    if tag_set not in _TAG_SETS:
        raise ConfigError(
            f"{option.flag}: `tags` is {tag_set!r}: expected 1.5 (without namespace_id, pod_id, hostname, host_id)"
            " or 1.3 (every label)"
        )
    return PointSchema(
        with_fields=option.boolean("withfields", default=False),
        counters_with_rates=not option.boolean("disable_counter_metrics", default=False),
        tag_set=_TAG_SETS[tag_set],
        cluster_name=option.text("cluster_name", "") if "cluster_name" in option.values else None,
    )


def _retention_ns(option: UriOptions) -> int | None:
    text = option.text("retention", "")
    if "retention" not in option.values:
        return None
    try:
        retention_ns = influx_duration_ns(text)
    except ValueError as error:
        raise ConfigError(f"{option.flag}: `retention` {error}") from error
    if 0 < retention_ns < _MIN_RETENTION_NS:
        raise ConfigError(f"{option.flag}: `retention` {text!r} is too short: InfluxDB accepts 1h or more")
    if retention_ns > _MAX_RETENTION_NS:
        raise ConfigError(f"{option.flag}: `retention` {text!r} is over 292 years: give 0 to keep points for ever")
    return retention_ns
