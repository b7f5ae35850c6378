"""Set-up of InfluxDB: database and retention policy of 1.x, bucket and its mapping of 2.x, created where missing.

Source: docs/influxdb.md, database and retention. Heapster's option `retention` never took effect; here it does.
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
from writer.sinks.influxdb_errors import describe_response, is_conflict

Query: TypeAlias = Callable[[str], Sequence[dict[str, Any]]]
"""Runs an InfluxQL statement and returns its rows, by column. Raises UnavailableError: the statement failed."""

_HOUR_NS: Final = 3600 * NS_PER_S
_DAY_NS: Final = 24 * _HOUR_NS
_TOLERATED: Final = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.UNPROCESSABLE_ENTITY})
"""Errors of mapping a bucket: invalid name, InfluxDB without mappings, or mapped by another writer meanwhile."""


@dataclass(frozen=True, slots=True)
class UnmappedBucket:
    """A bucket that InfluxQL does not find by its database: InfluxDB's answer, and the command that maps it."""

    database: str
    answer: str
    command: str


def quote_identifier(name: str) -> str:
    """Quote a name for InfluxQL."""
    escaped = name.replace("\\", r"\\").replace('"', r"\"")
    return f'"{escaped}"'


def shard_ns(retention_ns: int) -> int:
    """InfluxDB's default shard group duration for a retention, which it may not exceed."""
    if 0 < retention_ns < 2 * _DAY_NS:
        return _HOUR_NS
    if 0 < retention_ns < 180 * _DAY_NS:
        return _DAY_NS
    return 7 * _DAY_NS


def prepare_database(target: Version1, retention_ns: int | None, query: Query) -> None:
    """Create the database and its retention policy `default`, or set the policy's retention if it differs."""
    database = quote_identifier(target.database)
    query(f"CREATE DATABASE {database}")
    policy = _policy(query(f"SHOW RETENTION POLICIES ON {database}"))
    if policy is None:
        query(_policy_statement("CREATE", database, retention_ns or 0))
    elif retention_ns is not None and (policy["duration"], policy["default"]) != (retention_ns, True):
        query(_policy_statement("ALTER", database, retention_ns))


def prepare_bucket(
    target: Version2, retention_ns: int | None, buckets: BucketsApi, mappings: DBRPsService
) -> UnmappedBucket | None:
    """Create the bucket, or set its retention if it differs, and map it for InfluxQL; return it if that fails.

    Raises:
        UnavailableError: the organisation does not exist.
    """
    bucket = _bucket(target, buckets)
    if bucket is None:
        bucket = buckets.create_bucket(
            bucket_name=target.bucket, org=target.org, retention_rules=_rules(retention_ns or 0)
        )
    elif retention_ns is not None and _bucket_retention_s(bucket) != retention_ns // NS_PER_S:
        bucket.retention_rules = _rules(retention_ns)
        buckets.update_bucket(bucket)
    return _map_bucket(target, bucket, mappings)


def _map_bucket(target: Version2, bucket: Bucket, mappings: DBRPsService) -> UnmappedBucket | None:
    """Make the bucket `k8s/default` the default retention policy of the InfluxQL database `k8s`.

    Without the mapping 2.x answers SELECT, but not SHOW TAG VALUES, which dashboards use. A bucket without a slash
    is the default policy already.
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
        if error.status not in _TOLERATED:
            raise
        answer = str(error.body or "")
        if is_conflict(error.status, answer):  # another writer has mapped it meanwhile
            return None
        names = ("--org", target.org, "--bucket-id", str(bucket.id), "--db", database, "--rp", policy)
        command = shlex.join(("influx", "v1", "dbrp", "create", "--default", *names))
        return UnmappedBucket(database, describe_response(error.status, dict(error.headers or {}), answer), command)
    return None


def _bucket(target: Version2, buckets: BucketsApi) -> Bucket | None:
    try:
        found = buckets.find_buckets(name=target.bucket, org=target.org).buckets or []
    except ApiException as error:
        if error.status == HTTPStatus.NOT_FOUND:  # bucket or organisation; creating the bucket reports the latter
            return None
        raise
    return next((each for each in found if each.name == target.bucket), None)


def _policy(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    for row in rows:
        if row.get("name") == POLICY:
            try:
                return {"duration": go_duration_ns(str(row["duration"])), "default": bool(row["default"])}
            except (KeyError, ValueError) as error:
                raise UnavailableError(f"InfluxDB returned an invalid retention policy: {row}") from error
    return None


def _policy_statement(verb: str, database: str, retention_ns: int) -> str:
    duration = f"{retention_ns}ns" if retention_ns else "INF"
    return (
        f"{verb} RETENTION POLICY {quote_identifier(POLICY)} ON {database} DURATION {duration}"
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


def rows_of(response: object) -> Iterator[dict[str, Any]]:
    """Yield the rows of a response of /query. Raises UnavailableError: it reports an error, or is not InfluxDB's."""
    if not isinstance(response, dict):
        raise UnavailableError("the response to /query is not InfluxDB's")
    for result in response.get("results", []):
        if "error" in result:
            raise UnavailableError(str(result["error"]))
        for series in result.get("series", []):
            for values in series.get("values", []):
                yield dict(zip(series["columns"], values, strict=True))
