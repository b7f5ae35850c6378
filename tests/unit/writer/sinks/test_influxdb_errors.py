from datetime import UTC, datetime

import pytest

from runtime.errors import UnavailableError
from writer.sinks.influxdb_errors import ForbiddenError, MissingError, UnauthorizedError, error_of, retry_after_s
from writer.sinks.sink import RefusedError

NOW = datetime(2026, 8, 1, 12, 0, 0, tzinfo=UTC)
HTML = "<html>\n<body>nginx</body></html>"


@pytest.mark.parametrize(
    ("status", "body", "kind", "message"),
    [
        pytest.param(
            400,
            '{"error":"partial write: field type conflict: … dropped=1"}',
            RefusedError,
            "partial write: field type conflict: … dropped=1",
            id="1.x refuses a line",
        ),
        pytest.param(
            400,
            '{"code":"invalid","message":"unable to parse \'x\': missing fields"}',
            RefusedError,
            "unable to parse 'x': missing fields",
            id="2.x refuses a line",
        ),
        pytest.param(
            422,
            '{"code":"unprocessable entity","message":"failure writing points to database: partial write"}',
            RefusedError,
            "failure writing points to database: partial write",
            id="2.x refuses a conflicting type",
        ),
        pytest.param(
            413, '{"error":"Request Entity Too Large"}', RefusedError, "Request Entity Too Large", id="too large"
        ),
        pytest.param(413, HTML, RefusedError, "HTTP 413: <html>", id="too large for a proxy"),
        pytest.param(400, HTML, UnavailableError, "HTTP 400: <html>", id="a 400 of a proxy does not refuse lines"),
        pytest.param(
            404,
            '{"error":"database not found: \\"k8s\\""}',
            MissingError,
            'HTTP 404: database not found: "k8s"',
            id="1.x",
        ),
        pytest.param(
            404,
            '{"code":"not found","message":"bucket \\"k8s\\" not found"}',
            MissingError,
            'HTTP 404: bucket "k8s" not found',
            id="2.x",
        ),
        pytest.param(
            500,
            '{"error":"retention policy not found: default"}',
            MissingError,
            "HTTP 500: retention policy not found: default",
            id="policy dropped",
        ),
        pytest.param(
            401,
            '{"error":"authorization failed"}',
            UnauthorizedError,
            "HTTP 401: authorization failed (check user and pw, or the token)",
            id="wrong password",
        ),
        pytest.param(
            403,
            '{"error":"not authorized"}',
            ForbiddenError,
            "HTTP 403: not authorized (the user or token may not do this)",
            id="not allowed",
        ),
        pytest.param(500, '{"error":"engine"}', UnavailableError, "HTTP 500: engine", id="internal error"),
        pytest.param(502, "", UnavailableError, "HTTP 502: no reason given", id="bad gateway"),
        pytest.param(503, "[1]", UnavailableError, "HTTP 503: [1]", id="JSON, but not InfluxDB's"),
        pytest.param(301, "", UnavailableError, "HTTP 301: no reason given", id="moved"),
    ],
)
def test_the_error_of_a_response(status: int, body: str, kind: type[Exception], message: str) -> None:
    found = error_of(status, {"X-Influxdb-Version": "1.8.3"}, body, NOW)
    assert type(found) is kind
    assert str(found) == message


def test_a_404_of_another_server_asks_whether_it_is_an_influxdb() -> None:
    found = error_of(404, {}, '{"kind":"Status","message":"the server could not find the requested resource"}', NOW)
    assert isinstance(found, MissingError)
    assert str(found) == "HTTP 404: the server could not find the requested resource (is this an InfluxDB?)"


def test_the_message_of_influxdb_may_be_in_a_header() -> None:
    found = error_of(400, {"X-InfluxDb-Error": "unable to parse"}, "", NOW)
    assert isinstance(found, RefusedError)
    assert str(found) == "unable to parse"


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_sets_retry_after(status: int) -> None:
    found = error_of(status, {"retry-After": "17"}, '{"message":"busy"}', NOW)
    assert isinstance(found, UnavailableError)
    assert found.retry_after_s == 17


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0),
        (" 30 ", 30),
        ("Sat, 01 Aug 2026 12:01:30 GMT", 90),
        ("Sat, 01 Aug 2026 12:01:30 -0000", 90),
        ("Sat, 01 Aug 2026 11:00:00 GMT", 0),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("²", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after_s(value, NOW) == seconds
