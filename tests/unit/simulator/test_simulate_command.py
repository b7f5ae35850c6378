import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from runtime.errors import ConfigError
from runtime.flags import run
from runtime.uri import Options, parse_keyed_uri
from simulator.__main__ import _where_what_is, simulate
from simulator.cluster import Shape
from simulator.sockets import Endpoint

FREE = ("--api-port=0", "--kubelet-port=0", "--first-kubelet-ip=127.0.7.1")


@contextmanager
def started(*flags: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "simulator", *flags]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_it_says_how_to_scrape_it() -> None:
    with started("--nodes=2", "--pods-per-node=1", *FREE) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        source = next(word for word in shlex.split(line) if word.startswith("--source="))
        keyed = parse_keyed_uri("--source", source.removeprefix("--source="))
        assert keyed.uri is not None
        options = Options.of(keyed)
        assert not options.boolean("inClusterConfig", default=True)
        nodes = requests.get(f"http://{keyed.uri.netloc}/api/v1/nodes", timeout=10).json()["items"]
        kubelet = f"{nodes[1]['status']['addresses'][0]['address']}:{options.integer('kubeletPort', 10255)}"
        document = requests.get(f"http://{kubelet}/stats/summary", timeout=10).json()
    assert document["node"]["nodeName"] == "node-001"


@pytest.mark.parametrize(
    ("ports", "told"),
    [
        pytest.param((10255, 10255, 10255), "kubelets at 127.0.0.1:10255 to 127.0.0.1:10255;", id="an address each"),
        pytest.param((7001, 7002, 7003), "kubelets at 127.0.0.1:7001 to 127.0.0.1:7003;", id="ports in a row"),
        pytest.param(
            (7001, 9, 40), "kubelets at 127.0.0.1:7001 and on other ports, as their nodes say;", id="any ports"
        ),
    ],
)
def test_where_the_kubelets_are(ports: tuple[int, ...], told: str) -> None:
    endpoints = {f"node-{number}": Endpoint("127.0.0.1", port) for number, port in enumerate(ports)}
    cluster: Any = SimpleNamespace(endpoints=endpoints, api_url="http://127.0.0.1:8001")
    assert told in _where_what_is(cluster, Shape(nodes=3, pods_per_node=1, seed=1, unready_nodes=False))


def test_it_ends_when_told() -> None:
    one = ("--nodes=1", "--pods-per-node=1", *FREE)
    with started(*one) as first, started(*one, "--one-address") as second:
        for process, number in ((first, signal.SIGTERM), (second, signal.SIGINT)):
            assert process.stdout is not None
            process.stdout.readline()
            process.send_signal(number)
        ends = [(*process.communicate(timeout=10), process.returncode) for process in (first, second)]
    assert ends == [("", "", 0), ("", "", 0)]


def test_a_taken_port_is_one_line_and_status_2(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.7.5", 0)) as taken:
        where = f"127.0.7.5:{taken.getsockname()[1]}"
        flags = ["--nodes=1", "--api-port=0", "--first-kubelet-ip=127.0.7.5", f"--kubelet-port={where[10:]}"]
        monkeypatch.setattr(sys, "argv", ["simulate", *flags])
        with pytest.raises(SystemExit) as ended:
            run(simulate)
    told = f"--kubelet-port: cannot listen on {where}: the port is taken; choose another, or 0 for any free one"
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", f"heapster-stream: {told}\n")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        pytest.param("--nodes=0", "'--nodes'", id="no nodes"),
        pytest.param("--nodes=x", "'--nodes'", id="not a number"),
        pytest.param("--pods-per-node=0", "'--pods-per-node'", id="no pods"),
        pytest.param("--api-port=70000", "'--api-port'", id="no such port"),
        pytest.param("--nodse=3", "No such option", id="misspelt"),
    ],
)
def test_a_bad_value_is_told_with_its_option(flag: str, message: str) -> None:
    result = CliRunner().invoke(simulate, [flag])
    assert result.exit_code == 2
    assert message in result.output


def test_a_bad_address_is_a_config_error() -> None:
    result = CliRunner().invoke(simulate, ["--first-kubelet-ip=here", *FREE[:2]])
    assert isinstance(result.exception, ConfigError)


def test_every_flag_can_come_from_the_environment() -> None:
    result = CliRunner().invoke(simulate, [], env={"HEAPSTER_PODS_PER_NODE": "0"})
    assert "HEAPSTER_PODS_PER_NODE" in result.output


def test_help_tells_the_defaults() -> None:
    text = " ".join(CliRunner().invoke(simulate, ["--help"]).output.split())
    for default in ("default: 3", "default: 10;", "default: 8001", "default: 10255", "127.0.1.1"):
        assert default in text
