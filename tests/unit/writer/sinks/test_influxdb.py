import json
import logging
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from runtime.errors import UnavailableError
from runtime.uri import UriOptions, parse_keyed_uri
from writer.sinks.config import InfluxConfig
from writer.sinks.influxdb import InfluxSink
from writer.sinks.sink import RefusedError

LINES = b"cpu/usage_rate,type=node value=1i 60\nuptime,type=node value=2i 60\n"
TIMEOUT_S = 60.0
NOT_FOUND = '{"error":"database not found: \\"k8s\\""}'

NewSink: TypeAlias = Callable[..., InfluxSink]


@pytest.fixture
def influx(server: Any) -> Iterator[NewSink]:
    """Creates a sink from the options of its URI."""
    sinks: list[InfluxSink] = []

    def make(query: str = "", url: str = "", answer_timeout_s: float = TIMEOUT_S) -> InfluxSink:
        keyed = parse_keyed_uri("--sink", f"influxdb:{url or server.url}?{query}", {})
        sinks.append(
            InfluxSink(InfluxConfig.parse(keyed, UriOptions.from_uri(keyed)), answer_timeout_s=answer_timeout_s)
        )
        return sinks[-1]

    yield make
    for each in sinks:
        each.close()


def test_lines_are_sent_compressed_to_the_default_policy_of_1_x(server: Any, influx: NewSink) -> None:
    influx("user=me&pw=my+secret:1&db=zone-1").write(LINES)
    (write,) = server.writes
    assert (write.method, write.query) == ("POST", {"org": "-", "bucket": "zone-1/default", "precision": "ns"})
    assert write.body == LINES
    assert write.headers["Content-Encoding"] == "gzip"
    assert write.headers["Content-Type"].startswith("text/plain")
    assert write.headers["Authorization"] == "Basic bWU6bXkgc2VjcmV0OjE="
    assert write.headers["User-Agent"].startswith("heapster-stream/")


def test_without_a_user_no_credentials_are_sent(server: Any, influx: NewSink) -> None:
    influx("user=").write(LINES)
    assert all("Authorization" not in request.headers for request in server.requests)


def test_database_and_policy_are_created_once(server: Any, influx: NewSink) -> None:
    sink = influx("retention=7d")
    sink.write(LINES)
    sink.write(LINES)
    assert server.statements == [
        'CREATE DATABASE "k8s"',
        'SHOW RETENTION POLICIES ON "k8s"',
        (
            'CREATE RETENTION POLICY "default" ON "k8s" DURATION 604800000000000ns REPLICATION 1'
            " SHARD DURATION 86400000000000ns DEFAULT"
        ),
    ]
    assert len(server.writes) == 2


def test_a_dropped_database_is_created_again_and_the_lines_are_resent(server: Any, influx: NewSink) -> None:
    sink = influx()
    sink.write(b"a 1\n")
    server.script = [(404, NOT_FOUND)]
    sink.write(LINES)
    assert [write.body for write in server.writes] == [b"a 1\n", LINES, LINES]
    assert server.statements.count('CREATE DATABASE "k8s"') == 2


def test_a_user_with_only_write_permission_can_write(server: Any, influx: NewSink) -> None:
    refusal = '{"error":"error authorizing query: me not authorized to execute statement \'CREATE DATABASE k8s\'"}'
    server.other["POST", "/query"] = (403, refusal)
    sink = influx("user=me")
    sink.write(LINES)
    sink.write(LINES)
    assert len(server.statements) == 1
    assert [write.body for write in server.writes] == [LINES, LINES]


def test_a_missing_database_is_an_outage_for_a_user_with_only_write_permission(server: Any, influx: NewSink) -> None:
    server.other["POST", "/query"] = (403, '{"error":"not authorized"}')
    server.script = [(404, NOT_FOUND)] * 2
    with pytest.raises(UnavailableError, match="database not found"):
        influx("user=me").write(LINES)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (400, '{"error":"partial write: … dropped=1"}', "partial write: … dropped=1"),
        (422, '{"message":"failure writing points"}', "failure writing points"),
        (413, '{"error":"Request Entity Too Large"}', "Request Entity Too Large"),
    ],
)
def test_refused_lines_raise_the_message_of_influxdb(
    server: Any, influx: NewSink, status: int, body: str, message: str
) -> None:
    server.script = [(status, body)]
    with pytest.raises(RefusedError) as raised:
        influx().write(LINES)
    assert str(raised.value) == message


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_of_a_busy_server_is_passed_on(server: Any, influx: NewSink, status: int) -> None:
    server.script = [(status, '{"message":"busy"}', {"Retry-After": "17"})]
    with pytest.raises(UnavailableError, match=f"HTTP {status}: busy") as raised:
        influx().write(LINES)
    assert raised.value.retry_after_s == 17
    assert len(server.writes) == 1


def test_the_error_for_a_wrong_password_does_not_show_it(server: Any, influx: NewSink) -> None:
    server.other["POST", "/query"] = (401, '{"error":"authorization failed"}')
    with pytest.raises(UnavailableError) as raised:
        influx("user=me&pw=hunter2").write(LINES)
    expected = f"InfluxDB at {server.url}: HTTP 401: authorization failed (check user and pw, or the token)"
    assert str(raised.value) == expected
    assert server.writes == []


def test_a_server_that_does_not_answer_times_out(server: Any, influx: NewSink) -> None:
    server.script = ["hang"]
    with pytest.raises(UnavailableError, match=r"no answer within 0\.3 s$"):
        influx(answer_timeout_s=0.3).write(LINES)


def test_a_closed_connection_is_an_outage_and_the_next_write_reconnects(server: Any, influx: NewSink) -> None:
    server.script = ["cut"]
    sink = influx()
    with pytest.raises(UnavailableError, match="the connection was cut"):
        sink.write(LINES)
    sink.write(LINES)
    assert len(server.writes) == 2


def test_a_refused_connection_is_an_outage(influx: NewSink) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(UnavailableError) as raised:
            influx(url=f"http://127.0.0.1:{port}").write(LINES)
    assert str(raised.value) == f"InfluxDB at http://127.0.0.1:{port}: Connection refused"


@pytest.mark.usefixtures("server")
def test_https_to_an_http_server_names_the_fix(influx: NewSink) -> None:
    with pytest.raises(UnavailableError) as raised:
        influx("secure=true").write(LINES)
    assert str(raised.value).endswith("the server speaks http, not https: give http://, or secure=false")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        pytest.param((200, "<html>"), "the response to /query is not InfluxDB's", id="not InfluxDB"),
        pytest.param((301, "", {"Location": "http://elsewhere/"}), "HTTP 301", id="moved"),
        pytest.param(
            (200, '{"results":[{"error":"shards are on fire"}]}'),
            'CREATE DATABASE "k8s": shards are on fire',
            id="an error in the response",
        ),
        pytest.param((200, "\xff" * 3), "the response to /query is not InfluxDB's", id="not JSON"),
    ],
)
def test_an_invalid_response_to_a_statement_is_an_outage(
    server: Any, influx: NewSink, answer: tuple[int, str], message: str
) -> None:
    server.other["POST", "/query"] = answer
    with pytest.raises(UnavailableError) as raised:
        influx().write(LINES)
    assert message in str(raised.value)


BUCKET = {"id": "b1", "orgID": "o1", "type": "user", "name": "k8s/default"}
ORGS = json.dumps({"orgs": [{"id": "o1", "name": "my org"}]})


def bucket(every_seconds: int) -> str:
    rules = [{"type": "expire", "everySeconds": every_seconds}] if every_seconds else []
    return json.dumps({"buckets": [BUCKET | {"retentionRules": rules}]})


@pytest.mark.parametrize(
    "nothing_found",
    [
        pytest.param((404, '{"code":"not found","message":"bucket \\"k8s/default\\" not found"}'), id="as in 2.7"),
        pytest.param((200, '{"buckets":[]}'), id="an empty list"),
    ],
)
def test_a_missing_bucket_of_2_x_is_created_with_its_retention(
    server: Any, influx: NewSink, nothing_found: tuple[int, str]
) -> None:
    server.other["GET", "/api/v2/buckets"] = nothing_found
    server.other["GET", "/api/v2/orgs"] = (200, ORGS)
    server.other["POST", "/api/v2/buckets"] = (201, json.dumps(BUCKET | {"retentionRules": []}))
    influx("org=my+org&token=t0k&retention=7d").write(LINES)
    looked, _, created, _, mapped = (request for request in server.requests if request.path != "/api/v2/write")
    assert looked.query == {"name": "k8s/default", "org": "my org"}
    assert json.loads(created.body) == {
        "name": "k8s/default",
        "orgID": "o1",
        "rp": "0",
        "retentionRules": [{"type": "expire", "everySeconds": 604800, "shardGroupDurationSeconds": 86400}],
    }
    assert json.loads(mapped.body) == {
        "org": "my org",
        "bucketID": "b1",
        "database": "k8s",
        "retention_policy": "default",
        "default": True,
    }
    (write,) = server.writes
    assert (write.query["org"], write.query["bucket"], write.body) == ("my org", "k8s/default", LINES)
    assert write.headers["Authorization"] == "Token t0k"


@pytest.mark.parametrize(
    ("name", "default", "mapped"),
    [
        pytest.param("k8s/default", None, ["k8s"], id="an unmapped bucket"),
        pytest.param("k8s/default", False, ["k8s"], id="InfluxDB's own mapping is not the default one"),
        pytest.param("k8s/default", True, [], id="the database has a default policy"),
        pytest.param("k8s", None, [], id="a bucket named as the database needs no mapping"),
    ],
)
def test_the_bucket_is_mapped_to_its_database_for_influxql(
    server: Any, influx: NewSink, name: str, *, default: bool | None, mapped: list[str]
) -> None:
    found = BUCKET | {"name": name, "retentionRules": []}
    mapping = {
        "id": "m1",
        "orgID": "o1",
        "bucketID": "b1",
        "database": "k8s",
        "retention_policy": "default",
        "default": bool(default),
        "virtual": True,
    }
    server.other["GET", "/api/v2/buckets"] = (200, json.dumps({"buckets": [found]}))
    server.other["GET", "/api/v2/dbrps"] = (200, json.dumps({"content": [mapping] if default is not None else []}))
    server.other["POST", "/api/v2/dbrps"] = (201, json.dumps(mapping))
    influx(f"org=o&token=t&bucket={name}").write(LINES)
    posted = [
        json.loads(each.body) for each in server.requests if (each.method, each.path) == ("POST", "/api/v2/dbrps")
    ]
    assert [each["database"] for each in posted] == mapped
    assert len(server.writes) == 1


@pytest.mark.parametrize("status", [400, 404, 422])
def test_points_are_written_even_if_the_bucket_cannot_be_mapped(
    server: Any, influx: NewSink, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    """The log has one message with the command to run, even if the bucket is dropped and prepared again."""
    caplog.set_level(logging.INFO, "writer")
    server.other["GET", "/api/v2/buckets"] = (200, bucket(0))
    server.other["POST", "/api/v2/dbrps"] = (status, '{"code":"invalid","message":"invalid mapping"}')
    server.script = [(204, ""), (404, '{"code":"not found","message":"bucket not found"}')]
    sink = influx("org=my+org&token=t")
    sink.write(LINES)
    sink.write(LINES)
    tried = [each for each in server.requests if (each.method, each.path) == ("POST", "/api/v2/dbrps")]
    assert (len(tried), len(server.writes)) == (2, 3)
    [record] = caplog.records
    assert "InfluxQL's SHOW" in record.message
    logged = vars(record)
    assert (logged["sink"], logged["database"], logged["answer"]) == (
        sink.name,
        "k8s",
        f"HTTP {status}: invalid mapping",
    )
    assert logged["command"] == ("influx v1 dbrp create --default --org 'my org' --bucket-id b1 --db k8s --rp default")


def test_a_bucket_mapped_by_another_writer_meanwhile_is_not_logged(
    server: Any, influx: NewSink, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "writer")
    server.other["GET", "/api/v2/buckets"] = (200, bucket(0))
    server.other["POST", "/api/v2/dbrps"] = (422, '{"code":"conflict","message":"another DBRP mapping exists"}')
    influx("org=o&token=t").write(LINES)
    assert [write.body for write in server.writes] == [LINES]
    assert not caplog.records


def test_a_refused_database_is_an_outage_and_refuses_no_lines(server: Any, influx: NewSink) -> None:
    """A refusal of lines would turn every record into a dead letter."""
    server.other["GET", "/api/v2/buckets"] = (200, '{"buckets":[]}')
    server.other["GET", "/api/v2/orgs"] = (200, ORGS)
    server.other["POST", "/api/v2/buckets"] = (422, '{"code":"unprocessable entity","message":"no such names"}')
    with pytest.raises(UnavailableError, match="no such names"):
        influx("org=my+org&token=t&bucket=b").write(LINES)
    server.other["POST", "/query"] = (400, '{"error":"error parsing query: no such names"}')
    with pytest.raises(UnavailableError, match="no such names"):
        influx("db=x").write(LINES)
    assert server.writes == []


def test_a_token_with_only_write_permission_can_write(
    server: Any, influx: NewSink, caplog: pytest.LogCaptureFixture
) -> None:
    server.other["GET", "/api/v2/buckets"] = (404, '{"code":"not found","message":"bucket \\"b\\" not found"}')
    server.other["GET", "/api/v2/orgs"] = (401, '{"code":"unauthorized","message":"unauthorized access"}')
    sink = influx("org=my+org&token=t&bucket=b")
    sink.write(LINES)
    sink.write(LINES)
    assert [write.body for write in server.writes] == [LINES, LINES]
    assert len(server.requests) == 4
    assert [record.name for record in caplog.records if record.levelno == logging.WARNING] == ["writer.sinks.influxdb"]


def test_a_missing_organisation_is_named_in_every_error_but_logged_once(
    server: Any, influx: NewSink, caplog: pytest.LogCaptureFixture
) -> None:
    not_found = (404, '{"code":"not found","message":"organization name \\"nope\\" not found"}')
    server.other["GET", "/api/v2/buckets"] = server.other["GET", "/api/v2/orgs"] = not_found
    server.script = [not_found] * 4
    sink = influx("org=nope&token=t")
    for _ in range(2):
        with pytest.raises(UnavailableError, match='HTTP 404: organization name "nope" not found'):
            sink.write(LINES)
    assert [record.name for record in caplog.records if record.levelno == logging.WARNING] == ["writer.sinks.influxdb"]


@pytest.mark.parametrize(
    ("had", "options", "changes"),
    [
        pytest.param(3600, "&retention=7d", [604800], id="a different retention is changed"),
        pytest.param(604800, "&retention=7d", [], id="the same retention is not changed"),
        pytest.param(3600, "", [], id="not changed without the option"),
        pytest.param(0, "&retention=0", [], id="for ever already"),
    ],
)
def test_the_retention_of_an_existing_bucket(
    server: Any, influx: NewSink, had: int, options: str, changes: list[int]
) -> None:
    server.other["GET", "/api/v2/buckets"] = (200, bucket(had))
    server.other["PATCH", "/api/v2/buckets/b1"] = (200, json.dumps(BUCKET | {"retentionRules": []}))
    influx(f"org=my+org&token=t{options}").write(LINES)
    patches = [json.loads(request.body) for request in server.requests if request.method == "PATCH"]
    assert [patch["retentionRules"][0]["everySeconds"] for patch in patches] == changes
    assert len(server.writes) == 1


def test_a_token_file_is_read_again_after_the_token_is_refused(server: Any, influx: NewSink, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")
    server.other["GET", "/api/v2/buckets"] = (200, bucket(0))
    sink = influx(f"org=my+org&token_file={file}")
    sink.write(LINES)
    server.script = [(401, '{"message":"unauthorized access"}')]
    file.write_text("new")
    with pytest.raises(UnavailableError, match="HTTP 401: unauthorized access"):
        sink.write(LINES)
    sink.write(LINES)
    assert [write.headers["Authorization"] for write in server.writes] == ["Token old", "Token old", "Token new"]
