import logging
from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from heapster_stream.__main__ import program
from runtime.errors import ConfigError

SOURCE = "--source=kubernetes:http://127.0.0.1:9?inClusterConfig=false"
BROKERS = "--kafka-brokers=127.0.0.1:9"


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def invoke(*arguments: str, env: dict[str, str] | None = None) -> Result:
    return CliRunner().invoke(program, ["scraper", *arguments], env=env)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((SOURCE,), "Missing option '--kafka-brokers'"),
        ((SOURCE, "--kafka-brokers=k"), "'k' is not HOST:PORT"),
        ((SOURCE, BROKERS, "--metric-resolution=4999ms"), "'4999ms' is less than 5s"),
        ((SOURCE, BROKERS, "--metric-resolution=400h"), "'400h' is more than 24h"),
        ((SOURCE, BROKERS, "--metric-resolution=60"), "'60' is not a duration like 60s"),
        ((SOURCE, BROKERS, "--metric_resolution=-5s"), "'-5s' is not a duration like 60s"),
        ((SOURCE, BROKERS, "--log-level=loud"), "'loud' is not one of"),
        ((SOURCE, BROKERS, "--resolution=60s"), "No such option: --resolution"),
    ],
)
def test_an_invalid_flag_ends_with_status_2(arguments: tuple[str, ...], message: str) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((BROKERS,), "--source is missing: name the cluster to read, for example --source=kubernetes"),
        ((BROKERS, SOURCE, SOURCE), "--source: Wrong number of sources specified: 2, give exactly one"),
        (
            (BROKERS, SOURCE, "--scrape-spread=31s"),
            "--scrape-spread=31s: use at most half of --metric-resolution, which is 60s",
        ),
        ((BROKERS, SOURCE, "--cluster-name="), "--cluster-name='': use 1 to 200 printable characters without a slash"),
        (
            (BROKERS, SOURCE, "--cluster_name=a/b"),
            "--cluster-name='a/b': use 1 to 200 printable characters without a slash",
        ),
        (
            (BROKERS, SOURCE, "--cluster-name=a\nb"),
            "--cluster-name='a\\nb': use 1 to 200 printable characters without a slash",
        ),
        (
            (BROKERS, SOURCE, "--cluster-name=\udcff"),
            "--cluster-name='\\udcff': use 1 to 200 printable characters without a slash",
        ),
        ((BROKERS, SOURCE, f"--cluster-name={'x' * 201}"), "--cluster-name='xxx"),
    ],
)
def test_an_invalid_value_is_reported_in_one_line(arguments: tuple[str, ...], message: str) -> None:
    raised = invoke(*arguments).exception
    assert isinstance(raised, ConfigError)
    assert str(raised).startswith(message)
    assert "\n" not in str(raised)


def test_every_flag_can_be_set_by_an_environment_variable() -> None:
    environment = {"HEAPSTER_SOURCE": "cadvisor:http://h", "HEAPSTER_KAFKA_BROKERS": "127.0.0.1:9"}
    assert "unknown source" in str(invoke(env=environment).exception)
    environment |= {"HEAPSTER_METRIC_RESOLUTION": "1s"}
    assert "'1s' is less than 5s" in invoke(env=environment).output


def test_help_lists_every_flag_and_source_option() -> None:
    text = invoke("--help").output
    for flag in ("--source", "--kafka-brokers", "--metric-resolution", "--cluster-name", "--log-level"):
        assert flag in text
    for option in (
        "inClusterConfig=true",
        "kubeletPort=10255",
        "kubeletHttps=false",
        "nodeStatusPort=false",
        "insecure=false",
        "auth=",
        "useServiceAccount=false",
        "host_id_annotation=",
        "apiVersion=v1",
    ):
        assert option in text
    assert "60s" in text
    assert "HEAPSTER_METRIC_RESOLUTION" in text
