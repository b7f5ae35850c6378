"""A service's figures about itself, over real HTTP."""

import socket
import urllib.request

import pytest
from prometheus_client import Counter

from runtime.errors import ConfigError
from runtime.metrics import metrics_served

SHEEP = Counter("test_sheep", "Counted in the tests.")


def test_metrics_are_there_while_the_service_runs_and_gone_behind_it() -> None:
    SHEEP.inc(3)
    with metrics_served("127.0.0.1", 0) as url, urllib.request.urlopen(url, timeout=10) as answer:
        assert b"test_sheep_total 3.0" in answer.read()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=10)


def test_two_services_on_one_host_do_not_collide() -> None:
    with metrics_served("127.0.0.1", 0) as first, metrics_served("127.0.0.1", 0) as second:
        assert first != second


def test_a_port_that_is_taken_is_told_with_its_flag() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with (
            pytest.raises(ConfigError, match=f"^--metrics-port={port} --metrics-ip=127.0.0.1: Address already in use$"),
            metrics_served("127.0.0.1", port),
        ):
            pass
