from pathlib import Path

import pytest

from runtime.errors import ConfigError
from runtime.influxdb import Version1, Version2, ignored_parts
from runtime.uri import UriOptions, parse_keyed_uri
from writer.lines.render import PointSchema
from writer.sinks.config import InfluxConfig

HOUR_NS = 3600 * 1_000_000_000


def config(value: str) -> InfluxConfig:
    keyed = parse_keyed_uri("--sink", value, {})
    return InfluxConfig.parse(keyed, UriOptions.from_uri(keyed))


def test_defaults_are_heapsters() -> None:
    assert config("influxdb") == InfluxConfig(
        url="http://localhost:8086",
        target=Version1(database="k8s", user="root", password="root"),
        verify_certificate=True,
        schema=PointSchema(with_fields=False, counters_with_rates=True, tag_set="1.5", cluster_name=None),
        retention_ns=None,
        concurrency=1,
    )


def test_every_option_of_influxdb_1_x() -> None:
    assert config(
        "influxdb:http://h:8086?user=me&pw=a%26b&db=zone-1&secure=true&insecuressl=true&withfields=true&retention=7d"
        "&cluster_name=prod&disable_counter_metrics=true&concurrency=4&tags=1.3"
    ) == InfluxConfig(
        url="https://h:8086",
        target=Version1(database="zone-1", user="me", password="a&b"),
        verify_certificate=False,
        schema=PointSchema(with_fields=True, counters_with_rates=False, tag_set="1.3", cluster_name="prod"),
        retention_ns=7 * 24 * HOUR_NS,
        concurrency=4,
    )


@pytest.mark.parametrize(
    ("value", "url"),
    [
        pytest.param("influxdb", "http://localhost:8086", id="no URI"),
        pytest.param("influxdb:", "http://localhost:8086", id="empty URI"),
        pytest.param("influxdb:?db=k8s", "http://localhost:8086", id="only options"),
        pytest.param("influxdb:http://monitoring-influxdb:8086", "http://monitoring-influxdb:8086", id="host and port"),
        pytest.param("influxdb:http://h", "http://h:80", id="no port"),
        pytest.param("influxdb:http://h?secure=true", "https://h:443", id="no port, TLS"),
        pytest.param("influxdb:https://h:8086", "https://h:8086", id="https means TLS"),
        pytest.param("influxdb:https://h:8086?secure=false", "http://h:8086", id="secure overrides the scheme"),
        pytest.param("influxdb:http://[::1]:8086", "http://[::1]:8086", id="IPv6"),
        pytest.param("influxdb:http://[::1]", "http://[::1]:80", id="IPv6 without port"),
        pytest.param("influxdb:http://me:pw@h:8086/path", "http://h:8086", id="user and path are ignored"),
        pytest.param("influxdb://h:8086", "http://h:8086", id="no scheme"),
    ],
)
def test_address(value: str, url: str) -> None:
    assert config(value).url == url


@pytest.mark.parametrize(
    ("query", "target"),
    [
        pytest.param("user=&pw=x", Version1(database="k8s", user="", password="x"), id="no user: no credentials"),
        pytest.param(
            "org=o&token=t",
            Version2(org="o", bucket="k8s/default", token="t", token_file=None),
            id="2.x: default bucket",
        ),
        pytest.param(
            "org=o&token=t&db=zone",
            Version2(org="o", bucket="zone/default", token="t", token_file=None),
            id="2.x: the bucket of a database",
        ),
        pytest.param(
            "org=my+org&bucket=b&token=t",
            Version2(org="my org", bucket="b", token="t", token_file=None),
            id="2.x: a bucket",
        ),
    ],
)
def test_target(query: str, target: Version1 | Version2) -> None:
    assert config(f"influxdb:http://h:8086?{query}").target == target


def test_a_token_is_read_from_its_file_without_surrounding_space(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(" abc==\n")
    expected = Version2(org="o", bucket="k8s/default", token="abc==", token_file=file)
    assert config(f"influxdb:http://h:8086?org=o&token_file={file}").target == expected


@pytest.mark.parametrize(
    ("retention", "expected_ns"),
    [
        ("0", 0),
        ("INF", 0),
        ("4h", 4 * HOUR_NS),
        ("7d", 168 * HOUR_NS),
        ("1w", 168 * HOUR_NS),
        ("90m", HOUR_NS * 3 // 2),
    ],
)
def test_retention(retention: str, expected_ns: int) -> None:
    assert config(f"influxdb:http://h:8086?retention={retention}").retention_ns == expected_ns


def test_an_empty_cluster_name_differs_from_none() -> None:
    assert config("influxdb:http://h:8086?cluster_name=").schema.cluster_name == ""
    assert config("influxdb:http://h:8086").schema.cluster_name is None


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("secure=", "the option `secure`: '' is neither true nor false"),
        ("insecuressl=maybe", "the option `insecuressl`: 'maybe' is neither true nor false"),
        ("withfields=yes", "the option `withfields`: 'yes' is neither true nor false"),
        ("disable_counter_metrics=2", "the option `disable_counter_metrics`: '2' is neither true nor false"),
        ("concurrency=0", "the option `concurrency` can only be 1 or more, not 0"),
        ("concurrency=-1", "the option `concurrency` can only be 1 or more, not -1"),
        ("concurrency=many", "the option `concurrency`: 'many' is not a whole number"),
        ("concurrency=65", "the option `concurrency` can only be 64 or less, not 65"),
        ("retention=soon", "`retention` 'soon' is not a duration like 4h or 7d, or INF for no limit"),
        ("retention=", "`retention` '' is not a duration like 4h or 7d, or INF for no limit"),
        ("retention=30m", "`retention` '30m' is too short: InfluxDB accepts 1h or more"),
        ("retention=16000w", "`retention` '16000w' is over 292 years: give 0 to keep points for ever"),
        (
            "tags=1.4",
            "`tags` is '1.4': expected 1.5 (without namespace_id, pod_id, hostname, host_id) or 1.3 (every label)",
        ),
        ("db=", "`db` '' is not a valid name in InfluxDB"),
        ("db=a/b", "`db` 'a/b' is not a valid name in InfluxDB"),
        ("db=a%0Ab", "`db` 'a\\nb' is not a valid name in InfluxDB"),
        ("org=o", "InfluxDB 2.x needs either `token` or `token_file`"),
        ("org=o&token=a&token_file=b", "InfluxDB 2.x needs either `token` or `token_file`"),
        ("token=t", "`org` is missing: InfluxDB 2.x needs `org`, and `token` or `token_file`"),
        ("bucket=b", "`org` is missing: InfluxDB 2.x needs `org`, and `token` or `token_file`"),
        ("org=o&token=t&bucket=_monitoring", "`bucket` '_monitoring' is not a valid name in InfluxDB"),
        ("org=o&token=t&bucket=", "`bucket` '' is not a valid name in InfluxDB"),
        ("org=o&token=%C3%A9", "`token` contains characters that are not printable ASCII"),
        ("org=o&token_file=/no/such", "`token_file` /no/such cannot be read: No such file or directory"),
        ("org=o&token_file=/dev/null", "`token_file` /dev/null is empty"),
    ],
)
def test_an_invalid_value_is_named(query: str, message: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config(f"influxdb:http://h:8086?{query}")
    assert str(raised.value) == f"--sink=influxdb: {message}"


@pytest.mark.parametrize(
    "value", ["influxdb:monitoring-influxdb:8086", "influxdb:h", "influxdb:http:/h:8086?pw=secret"]
)
def test_a_uri_without_a_host_is_rejected(value: str) -> None:
    with pytest.raises(ConfigError, match="has no host: expected influxdb:http://HOST:PORT") as raised:
        config(value)
    assert "secret" not in str(raised.value)


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hunter2")
    for query in ("user=me&pw=hunter2", "org=o&token=hunter2", f"org=o&token_file={file}"):
        found = config(f"influxdb:http://h:8086?{query}")
        assert "hunter2" not in repr(found) + str(found) + found.identity


@pytest.mark.parametrize(
    ("value", "identity"),
    [
        ("influxdb:http://h:8086", "influxdb-h:8086-k8s-values"),
        ("influxdb:http://h:8086?concurrency=4&pw=new&retention=7d", "influxdb-h:8086-k8s-values"),
        ("influxdb:http://h:8086?metrics=cpu/*&exclude_types=ns&exclude_tags=labels", "influxdb-h:8086-k8s-values"),
        ("influxdb:http://h:8086?db=zone+1&withfields=true", "influxdb-h:8086-zone%201-fields"),
        ("influxdb:http://h:8086?org=o&token=t", "influxdb-h:8086-o/k8s%2Fdefault-values"),
        ("influxdb:http://h:8086?org=o&token=t&bucket=b", "influxdb-h:8086-o/b-values"),
    ],
)
def test_identity_is_the_address_the_target_and_the_schema(value: str, identity: str) -> None:
    assert config(value).identity == identity


@pytest.mark.parametrize(
    ("value", "ignored"),
    [
        ("influxdb", ()),
        ("influxdb:http://h:8086/?db=k8s", ()),
        ("influxdb:http://h:8086/influx", ("the path /influx",)),
        ("influxdb:http://me:pw@h", ("user and password before the @ (use the options user and pw)",)),
    ],
)
def test_ignored_parts_of_the_uri_are_reported(value: str, ignored: tuple[str, ...]) -> None:
    assert ignored_parts(parse_keyed_uri("--sink", value, {})) == ignored
