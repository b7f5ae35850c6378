import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from runtime.errors import ConfigError
from writer.__main__ import build, writer


def test_sinks_are_created_in_the_order_given() -> None:
    sinks = build(("influxdb:http://h:8086?db=a", "log", "influxdb:http://h:8086?db=a&withfields=true"))
    assert [sink.name for sink in sinks] == ["influxdb-h:8086-a-values", "log", "influxdb-h:8086-a-fields"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("gcm",), "--sink=gcm: unknown sink: expected influxdb, file, kafka or log"),
        (("log", "Influxdb:http://h"), "--sink=Influxdb: unknown sink: expected influxdb, file, kafka or log"),
        (("",), "--sink: missing uri key in ''"),
        (("influxdb:http://h?secure=2",), "--sink=influxdb: the option `secure`: '2'"),
        (
            ("influxdb:http://h:8086?cluster_name=a", "influxdb:http://h:8086?cluster_name=b"),
            "--sink: two sinks write to influxdb-h:8086-k8s-values: give each sink once",
        ),
    ],
)
def test_an_invalid_sink_is_a_start_up_error(values: tuple[str, ...], message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build(values)
    assert str(raised.value).startswith(message)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "influxdb:http://h?with_fields=true",
            "--sink=influxdb: unknown option `with_fields`: did you mean `withfields`?",
        ),
        ("influxdb:http://h?Db=secret", "--sink=influxdb: unknown option `Db`: did you mean `db`?"),
        ("influxdb:http://h?org=o&token=secret&usr=u", "--sink=influxdb: unknown option `usr`: did you mean `user`?"),
        ("log:?db=secret", "--sink=log: unknown option `db`: use one of exclude_labels, exclude_metrics,"),
        ("influxdb:ftp://h:1", "--sink=influxdb: ftp:// is not supported: use http:// or https://"),
    ],
)
def test_a_misspelt_option_is_reported_with_the_closest_name(value: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        build((value,))
    assert str(raised.value).startswith(message)


def test_ignored_options_are_logged_without_their_values(caplog: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t")
    with caplog.at_level(logging.WARNING):
        build(("influxdb:http://me@h:8086/x?db=d",))
        build((f"influxdb:http://h:8086?org=o&token_file={tmp_path}/token&user=u&pw=secret",))
    assert [vars(record)["ignored"] for record in caplog.records] == [
        (
            "user and password before the @ (use the options user and pw)",
            "the path /x",
        ),
        ("the option pw", "the option user"),
    ]


def test_a_filter_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    build(("influxdb:http://h:8086?pw=secret&metrics=cpu/*&exclude_tags=labels", "log"))
    (record,) = caplog.records
    assert vars(record)["filter"] == {"metrics": "cpu/*", "exclude_tags": "labels"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--kafka-brokers=k:9092"], "Missing option '--sink'"),
        (["--sink=log"], "Missing option '--kafka-brokers'"),
        (["--sink=log", "--kafka-brokers=k"], "'k' is not HOST:PORT"),
        (["--sink=log", "--kafka-brokers=k:9092", "--log-level=loud"], "'loud' is not one of"),
        (["--sink=log", "--kafka-brokers=k:9092", "--sinc=log"], "No such option: --sinc"),
    ],
)
def test_invalid_flags_exit_with_status_2(arguments: list[str], message: str) -> None:
    result = CliRunner().invoke(writer, arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_help_names_every_option_of_the_sink() -> None:
    text = CliRunner().invoke(writer, ["--help"]).output
    both = {"withfields", "cluster_name", "tags", "disable_counter_metrics", "concurrency", "secure", "insecuressl"}
    filters = {"metrics", "types", "namespaces", "labels", "exclude_", "exclude_tags"}
    filters |= {"timeseriestopic", "compression", "password", "cacert", "brokers", "file:"}
    for option in filters | {"db", "user", "pw", "retention", "org", "token", "token_file", "bucket"} | both:
        assert option in text


@pytest.fixture
def _restored_loggers() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("_restored_loggers")
def test_several_sinks_in_the_environment_are_separated_by_spaces() -> None:
    environment = {"HEAPSTER_SINK": "log gcm", "HEAPSTER_KAFKA_BROKERS": "127.0.0.1:9"}
    result = CliRunner().invoke(writer, [], env=environment)
    assert str(result.exception) == "--sink=gcm: unknown sink: expected influxdb, file, kafka or log"
