"""Storage: the database and policy of an InfluxDB 1.x, the bucket of a 2.x, made where they are missing.

Source: docs/influxdb.md, database and retention. Heapster's retention never took effect; here the policy gets the
duration it is to have.
"""

import shlex
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from influxdb_client.client.bucket_api import BucketsApi
from influxdb_client.domain.bucket import Bucket
from influxdb_client.domain.bucket_retention_rules import BucketRetentionRules
from influxdb_client.domain.dbrp_create import DBRPCreate
from influxdb_client.rest import ApiException
from influxdb_client.service.dbr_ps_service import DBRPsService

from runtime.duration import NS_PER_S, go_duration_ns
from runtime.errors import UnavailableError
from runtime.influxdb import POLICY, Version1, Version2
from writer.sinks.influxdb_errors import is_conflict, told

Query: TypeAlias = Callable[[str], Sequence[dict[str, Any]]]
"""Runs a statement; its rows by column. Raises UnavailableError: it failed."""

_HOUR_NS: Final = 3600 * NS_PER_S
_DAY_NS: Final = 24 * _HOUR_NS
_GOES_WITHOUT: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})
"""It cannot be mapped under such a name, this InfluxDB knows no mappings, or another writer was faster."""


@dataclass(frozen=True, slots=True)
class Unmapped:
    """A bucket that InfluxQL does not find by its database alone: why, and the command that maps it."""

    database: str
    answer: str
    command: str


def quoted(name: str) -> str:
    """A name as InfluxQL has it, whatever characters are in it."""
    escaped = name.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def shard_ns(retention_ns: int) -> int:
    """How much time one group of shards covers, as InfluxDB chooses it: it may not exceed the retention."""
    if 0 < retention_ns < 2 * _DAY_NS:
        return _HOUR_NS
    if 0 < retention_ns < 180 * _DAY_NS:
        return _DAY_NS
    return 7 * _DAY_NS


def prepare_database(target: Version1, retention_ns: int | None, query: Query) -> None:
    """Create the database and its policy `default`; give the policy the wanted retention if it has another."""
    database = quoted(target.database)
    query(f"CREATE DATABASE {database}")
    policy = _policy(query(f"SHOW RETENTION POLICIES ON {database}"))
    if policy is None:
        query(_policy_statement("CREATE", database, retention_ns or 0))
    elif retention_ns is not None and (policy["duration"], policy["default"]) != (retention_ns, True):
        query(_policy_statement("ALTER", database, retention_ns))


def prepare_bucket(
    target: Version2, retention_ns: int | None, buckets: BucketsApi, mappings: DBRPsService
) -> Unmapped | None:
    """Create the bucket; give it the wanted retention if it has another; have InfluxQL find it, or tell why it cannot.

    Raises:
        UnavailableError: there is no such organisation.
    """
    bucket = _bucket(target, buckets)
    if bucket is None:
        bucket = buckets.create_bucket(
            bucket_name=target.bucket, org=target.org, retention_rules=_rules(retention_ns or 0)
        )
    elif retention_ns is not None and _bucket_retention_s(bucket) != retention_ns // NS_PER_S:
        bucket.retention_rules = _rules(retention_ns)
        buckets.update_bucket(bucket)
    return _map(target, bucket, mappings)


def _map(target: Version2, bucket: Bucket, mappings: DBRPsService) -> Unmapped | None:
    """Make the bucket `k8s/default` what InfluxQL asks where it names the database `k8s` alone.

    A 2.x answers SELECT for its policy `default` by itself, but SHOW TAG VALUES, as dashboards ask, from the database's
    default policy only. A bucket without a slash is that already.
    """
    database, slash, policy = target.bucket.partition("/")
    if not slash:
        return None
    try:
        if any(each.default for each in mappings.get_dbr_ps(org=target.org, db=database).content or ()):
            return None
        mappings.post_dbrp(
            DBRPCreate(org=target.org, bucket_id=bucket.id, database=database, retention_policy=policy, default=True)
        )
    except ApiException as error:
        if error.status not in _GOES_WITHOUT:
            raise
        answer = str(error.body or "")
        if is_conflict(error.status, answer):  # another writer was faster
            return None
        names = ("--org", target.org, "--bucket-id", str(bucket.id), "--db", database, "--rp", policy)
        command = shlex.join(("influx", "v1", "dbrp", "create", "--default", *names))
        return Unmapped(database, told(error.status, dict(error.headers or {}), answer), command)
    return None


def _bucket(target: Version2, buckets: BucketsApi) -> Bucket | None:
    try:
        found = buckets.find_buckets(name=target.bucket, org=target.org).buckets or []
    except ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND:  # the bucket; if it is the organisation, creating one will say so
            return None
        raise
    return next((each for each in found if each.name == target.bucket), None)


def _policy(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    for row in rows:
        if row.get("name") == POLICY:
            try:
                return {"duration": go_duration_ns(str(row["duration"])), "default": bool(row["default"])}
            except (KeyError, ValueError) as error:
                raise UnavailableError(f"a retention policy that cannot be read: {row}") from error
    return None


def _policy_statement(verb: str, database: str, retention_ns: int) -> str:
    duration = f"{retention_ns}ns" if retention_ns else "INF"
    return (
        f"{verb} RETENTION POLICY {quoted(POLICY)} ON {database} DURATION {duration}"
        f" REPLICATION 1 SHARD DURATION {shard_ns(retention_ns)}ns DEFAULT"
    )


def _rules(retention_ns: int) -> list[BucketRetentionRules]:
    return [
        BucketRetentionRules(
            type="expire",
            every_seconds=retention_ns // NS_PER_S,
            shard_group_duration_seconds=shard_ns(retention_ns) // NS_PER_S,
        )
    ]


def _bucket_retention_s(bucket: Bucket) -> int:
    return next((int(rule.every_seconds or 0) for rule in bucket.retention_rules or []), 0)


def rows_of(answer: object) -> Iterator[dict[str, Any]]:
    """The rows of an answer to /query. Raises UnavailableError: it reports an error, or is not one."""
    if not isinstance(answer, dict):
        raise UnavailableError("an answer to /query that is not InfluxDB's")
    for result in answer.get("results", []):
        if "error" in result:
            raise UnavailableError(str(result["error"]))
        for series in result.get("series", []):
            for values in series.get("values", []):
                yield dict(zip(series["columns"], values, strict=True))
