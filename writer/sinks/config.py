"""What a sink is told: where points go, and which; options and defaults are Heapster's (docs/configuration.md, 3)."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote, unquote

from runtime.duration import NS_PER_S, influx_duration_ns
from runtime.errors import ConfigError
from runtime.influxdb import INFLUXDB, InfluxServer, Version1, Version2
from runtime.uri import KeyedUri, Options
from writer.lines.filters import EVERYTHING, Filter
from writer.lines.point_schema import TagSet
from writer.lines.render import PointSchema
from writer.sinks.filter_options import parse_filter

LOG: Final = "log"
FILE: Final = "file"

_MIN_RETENTION_NS: Final = 3600 * NS_PER_S  # InfluxDB refuses a shorter one
_MAX_RETENTION_NS: Final = 2**63 - 1
_MAX_CONCURRENCY: Final = 64
_TAG_SETS: Final[dict[str, TagSet]] = {"1.3": "1.3", "1.5": "1.5"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxConfig:
    """One InfluxDB: how it is reached, what is written to it, how long it is kept."""

    url: str
    target: Version1 | Version2
    verify_certificate: bool
    schema: PointSchema
    retention_ns: int | None  # 0 keeps for ever; None too, but leaves what exists as it is
    concurrency: int  # write requests in flight, 1 or more
    chosen: Filter = EVERYTHING

    @property
    def identity(self) -> str:
        """What stays the same as long as the points go to the same place: part of the consumer group's name.

        The filter is no part of it: a changed one goes on where the old one was, and does not read everything again.
        """
        where = self.url.partition("://")[2]
        into = (self.target.database,) if isinstance(self.target, Version1) else (self.target.org, self.target.bucket)
        return f"{INFLUXDB}-{where}-{'/'.join(quote(name, safe='') for name in into)}-{_layout(self.schema)}"

    @classmethod
    def parse(cls, keyed: KeyedUri, option: Options) -> Self:
        """From `influxdb:http://host:8086?db=k8s&withfields=true`.

        Raises:
            ConfigError: option and value that cannot be used.
        """
        server = InfluxServer.parse(keyed, option)
        return cls(
            url=server.url,
            target=server.target,
            verify_certificate=server.verify_certificate,
            schema=_schema(option),
            retention_ns=_retention_ns(option),
            concurrency=option.integer("concurrency", 1, at_least=1, at_most=_MAX_CONCURRENCY),
            chosen=parse_filter(option, with_tags=True),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FileConfig:
    """A file that line protocol is added to, or standard output."""

    path: Path | None  # None is standard output
    schema: PointSchema
    chosen: Filter = EVERYTHING

    @property
    def identity(self) -> str:
        """As that of an InfluxDB."""
        return f"{FILE}-{self.path or '-'}-{_layout(self.schema)}"

    @classmethod
    def parse(cls, keyed: KeyedUri, option: Options) -> Self:
        """From `file:/var/lib/points.lp?withfields=true`, or `file:-`.

        Raises:
            ConfigError: no file, or one that cannot be written; option and value that cannot be used.
        """
        path = unquote(keyed.uri.path) if keyed.uri and not keyed.uri.netloc else ""
        if not path:
            raise ConfigError(f"{option.flag}: names no file: expected {FILE}:/PATH, or {FILE}:- for standard output")
        return cls(
            path=None if path == "-" else _writable(option.flag, Path(path).absolute()),
            schema=_schema(option),
            chosen=parse_filter(option, with_tags=True),
        )


def _writable(flag: str, path: Path) -> Path:
    if path.is_dir():
        raise ConfigError(f"{flag}: {path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise ConfigError(f"{flag}: there is no folder {path.parent}")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ConfigError(f"{flag}: {path} may not be written by this user")
    return path


def _layout(schema: PointSchema) -> str:
    return "fields" if schema.with_fields else "values"


def _schema(option: Options) -> PointSchema:
    tag_set = option.text("tags", "1.5")
    if tag_set not in _TAG_SETS:
        raise ConfigError(
            f"{option.flag}: `tags` {tag_set!r} is neither 1.5 (without namespace_id, pod_id, hostname, host_id)"
            " nor 1.3 (every label)"
        )
    return PointSchema(
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
