"""The sink `influxdb`: InfluxDB 1.8 and 2.x over `influxdb_client`, with gzip and timeouts, without retries."""

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
from writer.lines.filters import filter_batch
from writer.lines.render import Rendered, render
from writer.sinks.config import InfluxConfig
from writer.sinks.influxdb_client import CONNECT_TIMEOUT_S, new_client
from writer.sinks.influxdb_errors import ForbiddenError, MissingError, UnauthorizedError, error_of
from writer.sinks.influxdb_setup import UnmappedBucket, prepare_bucket, prepare_database, rows_of
from writer.sinks.sink import RefusedError

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S: Final = 30.0  # between two bytes of the response
_GZIP: Final = isal_zlib.MAX_WBITS + 16
_LEVEL: Final = 1  # compresses lines to a thirtieth; higher levels save little more

_NO_TLS: Final = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")  # errors of OpenSSL

_Result = TypeVar("_Result")


class InfluxSink:
    """Writes to one InfluxDB; may be called from several threads."""

    def __init__(self, config: InfluxConfig, *, answer_timeout_s: float = ANSWER_TIMEOUT_S) -> None:
        """Send nothing yet, so that InfluxDB may be down at start-up."""
        self.name = config.identity
        self.concurrency = config.concurrency
        self._config = config
        self._answer_timeout_s = answer_timeout_s
        self._prepared = False
        self._logged_error = ""
        self._logged_bucket: UnmappedBucket | None = None
        self._preparing = threading.Lock()
        self._client = new_client(config, answer_timeout_s)
        self._service = WriteService(self._client.api_client)

    def render(self, batch: MetricBatch) -> Rendered:
        """Render the accepted points of a batch as line protocol."""
        return render(filter_batch(batch, self._config.sink_filter), self._config.schema)

    def prepare(self) -> None:
        """Create database and retention policy (1.x) or bucket (2.x) where missing; once, until one is dropped.

        Raises:
            UnavailableError: InfluxDB is unreachable, or refuses the credentials, the database or its retention.
        """
        with self._preparing:
            if self._prepared:
                return
            try:
                self._prepare_target()
            except ForbiddenError as error:
                # credentials that may only write are good practice; if the database is missing, writes will fail
                if str(error) != self._logged_error:
                    log.warning(
                        "no permission to create the database or read its settings: assuming that it exists",
                        extra={"sink": self.name, "error": str(error)},
                    )
                self._logged_error = str(error)
            except RefusedError as error:  # the database is refused, for example its name, not the lines
                raise UnavailableError(f"InfluxDB at {self._config.url}: {error}") from error
            self._prepared = True

    def write(self, body: bytes) -> None:
        """Write lines, after `prepare`.

        Raises:
            RefusedError: InfluxDB refuses at least one of the lines; 1.x has written the others.
            UnavailableError: InfluxDB is unreachable or busy, or refuses the credentials.
        """
        self.prepare()
        compressed = _gzip(body)
        try:
            self._post(compressed)
        except MissingError:  # dropped since `prepare`
            self._prepared = False
            self.prepare()
            self._post(compressed)

    def close(self) -> None:
        """Close the connections."""
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
        except UnauthorizedError as error:  # 2.x answers 401 also to a valid token without the permission
            raise ForbiddenError(str(error)) from error
        if unmapped is not None and unmapped != self._logged_bucket:
            log.info(
                "the bucket is not mapped to the database: InfluxQL's SHOW, dashboard variables and the lists of the"
                " historical API find nothing until you run the command",
                extra={"sink": self.name, **asdict(unmapped)},
            )
        self._logged_bucket = unmapped

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
        except InfluxDBError as error:  # raised by the client if the organisation is missing or not visible
            raise ForbiddenError(f"InfluxDB at {self._config.url}: {error}") from error
        except (urllib3.exceptions.HTTPError, OSError, UnicodeDecodeError) as error:
            raise UnavailableError(f"InfluxDB at {self._config.url}: {self._reason(error)}") from error

    def _failure(self, error: ApiException) -> Exception:
        if not error.status:  # TLS
            reason = " ".join(str(error.reason).split())
            if any(code in reason for code in _NO_TLS):
                reason = "the server speaks http, not https: give http://, or secure=false"
            return UnavailableError(f"InfluxDB at {self._config.url}: {reason}")
        found = error_of(error.status, dict(error.headers or {}), str(error.body or ""), datetime.now(UTC))
        if isinstance(found, UnauthorizedError):
            self._reload_token()
        if isinstance(found, UnavailableError):
            found.args = (f"InfluxDB at {self._config.url}: {found}",)
        return found

    def _reload_token(self) -> None:
        """Read a token file again, as it may have been renewed; errors show in the next attempt."""
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


def _gzip(body: bytes) -> bytes:
    return isal_zlib.compress(body, _LEVEL, _GZIP)
