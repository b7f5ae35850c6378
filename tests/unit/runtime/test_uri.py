import pytest

from runtime.errors import ConfigError
from runtime.uri import UriOptions, parse_keyed_uri


@pytest.mark.parametrize("value", ["", ":", ":foo"])
def test_a_value_without_key_is_rejected(value: str) -> None:
    with pytest.raises(ConfigError, match=r"--sink: missing uri key in"):
        parse_keyed_uri("--sink", value)


@pytest.mark.parametrize("value", ["key:incorrecturl/%gh&%ij", "key:http://h:port", "key:http://[::1"])
def test_an_invalid_uri_is_rejected(value: str) -> None:
    with pytest.raises(ConfigError, match="--sink"):
        parse_keyed_uri("--sink", value)


@pytest.mark.parametrize("value", ["gcm", "gcm:"])
def test_the_uri_after_the_key_is_optional(value: str) -> None:
    keyed = parse_keyed_uri("--sink", value)
    assert (keyed.key, keyed.uri) == ("gcm", None)


def test_options_are_parsed_from_the_query() -> None:
    keyed = parse_keyed_uri("--sink", "influxdb:http://h:8086?key=val&key2=val2")
    assert keyed.key == "influxdb"
    assert keyed.uri is not None
    assert (keyed.uri.scheme, keyed.uri.netloc) == ("http", "h:8086")
    assert UriOptions.from_uri(keyed).values == {"key": "val", "key2": "val2"}
    assert f"{keyed.key}:{keyed.uri.geturl()}" == "influxdb:http://h:8086?key=val&key2=val2", "unchanged"


def test_the_first_value_of_a_repeated_option_is_used_and_values_are_unescaped() -> None:
    options = UriOptions.from_uri(parse_keyed_uri("--sink", "k:?a=1%26+2&a=3"))
    assert options.text("a", "") == "1& 2"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("k:http://$HOST:1", "http://h:1"), ("k:http://${HOST}:1", "http://h:1"), ("k:http://a$NO:1", "http://a:1")],
)
def test_environment_variables_are_replaced(value: str, expected: str) -> None:
    keyed = parse_keyed_uri("--sink", value, {"HOST": "h"})
    assert keyed.uri is not None
    assert keyed.uri.geturl() == expected


@pytest.mark.parametrize("text", ["1", "t", "T", "TRUE", "true", "True"])
def test_spellings_of_true(text: str) -> None:
    assert UriOptions("--sink", {"x": text}).boolean("x", default=False)


@pytest.mark.parametrize("text", ["0", "f", "F", "FALSE", "false", "False"])
def test_spellings_of_false(text: str) -> None:
    assert not UriOptions("--sink", {"x": text}).boolean("x", default=True)


@pytest.mark.parametrize("text", ["", "yes", "tRUE", "2"])
def test_any_other_boolean_is_rejected(text: str) -> None:
    with pytest.raises(ConfigError, match="--sink=influxdb: the option `secure`"):
        UriOptions("--sink=influxdb", {"secure": text}).boolean("secure", default=False)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x", "is not a whole number"),
        ("", "is not a whole number"),
        ("1.5", "is not a whole number"),
        ("0", "can only be 1 or more"),
        ("-1", "can only be 1 or more"),
    ],
)
def test_an_invalid_number_is_rejected(text: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        UriOptions("--sink=influxdb", {"concurrency": text}).integer("concurrency", 1, at_least=1)


@pytest.mark.parametrize(
    ("option", "message"),
    [
        pytest.param(
            "witfields", "--sink: unknown option `witfields`: did you mean `withfields`?", id="the most similar name"
        ),
        pytest.param("DB", "--sink: unknown option `DB`: did you mean `db`?", id="wrong case"),
        pytest.param("x", "--sink: unknown option `x`: use one of db, pw, withfields", id="no similar name"),
    ],
)
def test_an_option_that_was_not_read_is_rejected(option: str, message: str) -> None:
    options = UriOptions("--sink", {"db": "a", option: "secret"})
    options.text("db", "k8s")
    options.boolean("withfields", default=False)
    with pytest.raises(ConfigError) as raised:
        options.reject_unknown("pw")
    assert str(raised.value) == message


def test_known_options_without_effect_are_returned() -> None:
    options = UriOptions("--sink", {"db": "a", "pw": "secret"})
    options.text("db", "k8s")
    assert options.reject_unknown("pw", "user") == ("pw",)


def test_another_scheme_is_rejected() -> None:
    with pytest.raises(ConfigError, match="--sink=k: ftp:// is not supported: use http:// or https://"):
        parse_keyed_uri("--sink", "k:ftp://me:secret@h:1", {})


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        pytest.param("influxdb:http://h:8086?user=me&pw=se%cret", "influxdb:http://h:8086?…", id="options"),
        pytest.param("influxdb:http://me:se%cret@h:8086", "influxdb:http://…@h:8086", id="user and password"),
        pytest.param("influxdb:http://me:se@cr%et@h:port", "influxdb:http://…@h:port", id="a password with an @"),
        pytest.param(":http://h?pw=secret", ":http://h?…", id="no key"),
        pytest.param("influxdb:http://h:port?pw=secret", "influxdb:http://h:port?…", id="no port"),
    ],
)
def test_error_messages_hide_secrets(value: str, shown: str) -> None:
    with pytest.raises(ConfigError) as raised:
        parse_keyed_uri("--sink", value, {})
    assert repr(shown) in str(raised.value)


def test_a_choice_accepts_listed_values_only() -> None:
    options = UriOptions("--source=kubernetes", {"podSource": "kubelet", "other": "Kubelet"})
    assert options.choice("podSource", ("api", "kubelet")) == "kubelet"
    assert options.choice("absent", ("api", "kubelet")) == "api"
    with pytest.raises(ConfigError, match=r"--source=kubernetes: failed to parse `other` flag - 'Kubelet' is none of"):
        options.choice("other", ("api", "kubelet"))
