"""Headers, kept connections and proxies of requests."""

import resource
from collections.abc import Callable
from typing import Any

import pytest

from scraper.kubelet.deadline import Deadline, reading_until
from scraper.kubelet.endpoint import Trust
from scraper.kubelet.transport import Transport

RESPONSE = b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}"
TRUST = Trust(verify=False, certificate=None, proxy=None)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


@pytest.fixture
def server(raw_server: Callable[..., Any]) -> Any:
    return raw_server(lambda connection: connection.sendall(RESPONSE))


def get(transport: Transport, url: str, trust: Trust = TRUST) -> bytes:
    with reading_until(Deadline(10)), transport.get(url, {"X-Given": "yes"}, trust, timeouts_s=(5, 5)) as response:
        return response.content


def test_a_request_has_the_given_headers_and_no_cookie(server: Any) -> None:
    transport = Transport(None)
    for _ in range(2):
        assert get(transport, f"http://127.0.0.1:{server.port}/a b?c=d") == b"{}"
    head, *lines = server.requests[1].decode().strip().split("\r\n")
    assert head == "GET /a%20b?c=d HTTP/1.1"
    names = {line.partition(":")[0] for line in lines}
    assert names == {"Host", "X-Given", "Accept-Encoding", "User-Agent"}


@pytest.mark.parametrize(
    ("files", "connections"),
    [
        pytest.param(4, 2, id="more servers than files allow: the least recently used connection is reopened"),
        pytest.param(8, 1, id="enough files: all connections are kept"),
    ],
)
def test_the_limit_of_open_files_bounds_the_kept_connections(
    raw_server: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, files: int, connections: int
) -> None:
    servers = [raw_server(lambda connection: connection.sendall(RESPONSE)) for _ in range(4)]
    with monkeypatch.context() as limited:
        limited.setattr(resource, "getrlimit", lambda _: (files, files))
        transport = Transport(None)
    for server in (*servers, servers[0]):
        assert get(transport, f"http://127.0.0.1:{server.port}/stats/summary") == b"{}"
    assert [server.connections for server in servers] == [connections, 1, 1, 1]


def test_the_connections_of_a_cluster_of_5000_nodes_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_048_576, 1_048_576))
    wanted: list[int] = []
    monkeypatch.setattr(
        "scraper.kubelet.transport.DeadlineAdapter", lambda *, pool_connections, **_: wanted.append(pool_connections)
    )
    Transport(None)
    assert wanted[0] > 5000


def test_the_proxy_of_the_environment_is_used(server: Any, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("http_proxy", f"http://127.0.0.1:{server.port}")
    assert get(Transport(None), "http://kubelet.invalid:10255/pods") == b"{}"
    assert server.requests[0].startswith(b"GET http://kubelet.invalid:10255/pods HTTP/1.1\r\n")


@pytest.mark.parametrize("exceptions", ["127.0.0.1", "127.0.0.0/8", "*"])
def test_no_proxy_excludes_a_server(server: Any, environment: pytest.MonkeyPatch, exceptions: str) -> None:
    environment.setenv("http_proxy", "http://127.0.0.1:9")
    environment.setenv("no_proxy", exceptions)
    assert get(Transport(None), f"http://127.0.0.1:{server.port}/pods") == b"{}"
    assert server.requests[0].startswith(b"GET /pods HTTP/1.1\r\n")


def test_the_proxy_of_the_kubeconfig_overrides_the_environment(server: Any, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("http_proxy", "http://127.0.0.1:9")
    environment.setenv("no_proxy", "*")
    trust = TRUST._replace(proxy=f"http://127.0.0.1:{server.port}")
    assert get(Transport(None), "http://kubelet.invalid:10255/pods", trust) == b"{}"
