"""InfluxDB 1.8 and 2.x over `influxdb_client`: one attempt a call, no retries of its own, gzip, timeouts."""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

import urllib3
from influxdb_client.client.exceptions import InfluxDBError
from influxdb_client.rest import ApiException
from influxdb_client.service.dbr_ps_service import DBRPsService
from influxdb_client.service.write_service import WriteService
from isal import isal_zlib

from runtime.error_reason import os_reason
from runtime.errors import ConfigError, UnavailableError
from runtime.influxdb import Version1, Version2, read_token
from schemas.metric_batch import MetricBatch
from writer.lines.filters import filtered
from writer.lines.render import Rendered, render
from writer.sinks.config import InfluxConfig
from writer.sinks.influxdb_client import CONNECT_TIMEOUT_S, client
from writer.sinks.influxdb_errors import ForbiddenError, MissingError, UnauthorizedError, failure
from writer.sinks.influxdb_setup import Unmapped, prepare_bucket, prepare_database, rows_of
from writer.sinks.sink import RefusedError

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S: Final = 30.0  # between two bytes
_GZIP: Final = isal_zlib.MAX_WBITS + 16
_LEVEL: Final = 1  # lines repeat themselves: a thirtieth of their size; more would save little

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")  # OpenSSL's words for it

_Result = TypeVar("_Result")


class InfluxSink:
    """One InfluxDB as a sink; may be called from several threads."""

    def __init__(self, config: InfluxConfig, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Nothing is sent yet: an InfluxDB that is down at start is no error."""
        self.name = config.identity
        self.concurrency = config.concurrency
        self._config = config
        self._answer_timeout_s = answer_timeout_s
        self._prepared = False
        self._told = ""
        self._unmapped: Unmapped | None = None
        self._preparing = threading.Lock()
        self._client = client(config, answer_timeout_s)
        self._service = WriteService(self._client.api_client)

    def render(self, batch: MetricBatch) -> Rendered:
        """The batch's points in line protocol."""
        return render(filtered(batch, self._config.chosen), self._config.schema)

    def prepare(self) -> None:
        """Have database and policy, or bucket, where points are to go; asked once.

        Raises:
            UnavailableError: InfluxDB does not answer, or refuses the credentials, the database or its retention.
        """
        with self._preparing:
            if self._prepared:
                return
            try:
                self._prepare_target()
            except ForbiddenError as error:
                # a user or token that may write and nothing else is good practice: writing tells whether all is there
                if str(error) != self._told:
                    log.warning(
                        "not allowed to create the database, or to see its retention or mapping: taken as it is",
                        extra={"sink": self.name, "error": str(error)},
                    )
                self._told = str(error)
            except RefusedError as error:  # of the database, its name for one: the lines are none the worse
                raise UnavailableError(f"InfluxDB at {self._config.url}: {error}") from error
            self._prepared = True

    def write(self, body: bytes) -> None:
        """Write lines; database and policy, or bucket, are created first where they are missing.

        Raises:
            RefusedError: InfluxDB refuses at least one of the lines; 1.x has written the others.
            UnavailableError: InfluxDB does not answer, is busy, or refuses the credentials.
        """
        self.prepare()
        compressed = _gzipped(body)
        try:
            self._post(compressed)
        except MissingError:  # dropped while we were running
            self._prepared = False
            self.prepare()
            self._post(compressed)

    def close(self) -> None:
        """Drop the connections."""
        self._client.close()

    def _post(self, compressed: bytes) -> None:
        target = self._config.target
        org = target.org if isinstance(target, Version2) else "-"
        self._call(
            lambda: self._service.post_write(
                org=org, bucket=target.bucket, body=compressed, precision="ns", content_encoding="gzip"
            )
        )

    def _prepare_target(self) -> None:
        target = self._config.target
        if isinstance(target, Version1):
            prepare_database(target, self._config.retention_ns, self._query)
            return
        try:
            mappings = DBRPsService(self._client.api_client)
            buckets = self._client.buckets_api()
            unmapped = self._call(lambda: prepare_bucket(target, self._config.retention_ns, buckets, mappings))
        except UnauthorizedError as error:  # 2.x says so of a good token too, where it is not allowed a thing
            raise ForbiddenError(str(error)) from error
        if unmapped is not None and unmapped != self._unmapped:
            log.info(
                "the bucket is not mapped: InfluxQL's SHOW, dashboards' variables and the historical API's lists find"
                " nothing until somebody does it",
                extra={"sink": self.name, **asdict(unmapped)},
            )
        self._unmapped = unmapped

    def _query(self, statement: str) -> Sequence[dict[str, Any]]:
        answer = self._call(
            lambda: self._client.api_client.call_api(
                "/query",
                "POST",
                header_params={"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"},
                post_params=[("q", statement)],
                response_type="object",
                _return_http_data_only=True,
            )
        )
        try:
            return list(rows_of(answer))
        except UnavailableError as error:
            raise UnavailableError(f"InfluxDB at {self._config.url}: {statement}: {error}") from error

    def _call(self, request: Callable[[], _Result]) -> _Result:
        try:
            return request()
        except ApiException as error:
            raise self._failure(error) from error
        except InfluxDBError as error:  # the client's own: it did not find the organisation, or may not see it
            raise ForbiddenError(f"InfluxDB at {self._config.url}: {error}") from error
        except (urllib3.exceptions.HTTPError, OSError, UnicodeDecodeError) as error:
            raise UnavailableError(f"InfluxDB at {self._config.url}: {self._reason(error)}") from error

    def _failure(self, error: ApiException) -> Exception:
        if not error.status:  # TLS
            reason = " ".join(str(error.reason).split())
            if any(words in reason for words in _NO_TLS):
                reason = "it speaks http, not https: give http://, or secure=false"
            return UnavailableError(f"InfluxDB at {self._config.url}: {reason}")
        found = failure(error.status, dict(error.headers or {}), str(error.body or ""), datetime.now(UTC))
        if isinstance(found, UnauthorizedError):
            self._read_token_again()
        if isinstance(found, UnavailableError):
            found.args = (f"InfluxDB at {self._config.url}: {found}",)
        return found

    def _read_token_again(self) -> None:
        """A token in a file may have been renewed; what goes wrong with it, the next try will say."""
        target = self._config.target
        if isinstance(target, Version2) and target.token_file is not None:
            with suppress(ConfigError):
                token = read_token("token_file", target.token_file)
                self._client.api_client.set_default_header("Authorization", f"Token {token}")

    def _reason(self, error: Exception) -> str:
        """In words that are the same each time, so that an outage is told once."""
        if found := os_reason(error):
            return found
        if isinstance(error, urllib3.exceptions.ConnectTimeoutError):
            return f"no connection within {CONNECT_TIMEOUT_S:g} s"
        if isinstance(error, urllib3.exceptions.TimeoutError):
            return f"no answer within {self._answer_timeout_s:g} s"
        if isinstance(error, urllib3.exceptions.ProtocolError):
            return "the connection was cut"
        return type(error).__name__


def _gzipped(body: bytes) -> bytes:
    return isal_zlib.compress(body, _LEVEL, _GZIP)
