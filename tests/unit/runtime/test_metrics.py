"""Metrics and health endpoints over real HTTP."""

import socket
import urllib.error
import urllib.request

import pytest
from prometheus_client import Counter

from runtime.errors import ConfigError
from runtime.health import Health
from runtime.metrics import serve_metrics

COUNTER = Counter("test_events", "Events of this test.")


def health(now_s: float = 0.0) -> Health:
    return Health(lambda: now_s)


def answer(url: str, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(url.replace("/metrics", path), timeout=10) as answered:
            return answered.status, answered.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_a_new_process_is_alive_but_not_ready() -> None:
    state = health()
    with serve_metrics("127.0.0.1", 0, state) as url:
        assert answer(url, "/healthz") == (200, "ok\n")
        assert answer(url, "/readyz") == (503, "Kafka: has not answered yet\n")
        state.report("Kafka", None)
        assert answer(url, "/readyz") == (200, "ok\n")


def test_healthz_names_a_stuck_loop() -> None:
    now_s = [0.0]
    state = Health(lambda: now_s[0])
    state.beat("scraping", 60.0)
    with serve_metrics("127.0.0.1", 0, state) as url:
        now_s[0] = 61.0
        assert answer(url, "/healthz") == (503, "scraping: has not moved for 61 s\n")


def test_an_unknown_path_is_answered_with_the_valid_paths() -> None:
    with serve_metrics("127.0.0.1", 0, health()) as url:
        assert answer(url, "/status") == (404, "not found: use /metrics, /healthz or /readyz\n")


def test_ipv6_address() -> None:
    with serve_metrics("::1", 0, health()) as url:
        assert answer(url.replace("::1", "[::1]"), "/healthz") == (200, "ok\n")


def test_metrics_are_served_inside_the_with_block_only() -> None:
    COUNTER.inc(3)
    with serve_metrics("127.0.0.1", 0, health()) as url, urllib.request.urlopen(url, timeout=10) as answer:
        assert b"test_events_total 3.0" in answer.read()
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=10)


def test_port_0_gives_each_service_its_own_port() -> None:
    with serve_metrics("127.0.0.1", 0, health()) as first, serve_metrics("127.0.0.1", 0, health()) as second:
        assert first != second


def test_the_error_about_a_used_port_names_the_flag() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        with (
            pytest.raises(ConfigError, match=f"^--metrics-port={port} --metrics-ip=127.0.0.1: Address already in use$"),
            serve_metrics("127.0.0.1", port, health()),
        ):
            pass
