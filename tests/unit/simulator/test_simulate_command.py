import socket
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from runtime.errors import ConfigError
from runtime.flags import run
from simulator.__main__ import _where_what_is, simulate
from simulator.cluster import ClusterSize
from simulator.sockets import Endpoint

FREE = ("--api-port=0", "--kubelet-port=0", "--first-kubelet-ip=127.0.7.1")


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
    assert told in _where_what_is(cluster, ClusterSize(nodes=3, pods_per_node=1, seed=1, unready_nodes=False))


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
