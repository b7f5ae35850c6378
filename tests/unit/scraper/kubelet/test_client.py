import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from scraper.kubelet import client as kubelet
from scraper.kubelet.client import KubeletClient, ScrapeError, SummaryResponse
from scraper.kubelet.deadline import Deadline
from simulator.faults import MALFORMED, Fault
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.sources import node, source

SECOND = 1_000_000_000
DOCUMENT = b'{"node":{"nodeName":"n1"},"pods":[{"podRef":{"name":"web-1","namespace":"shop"}}]}'
OK = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s"


@pytest.fixture
def cluster() -> Iterator[SimulatedCluster]:
    world = FixedWorld()
    world.show(summaries={"n1": DOCUMENT})
    with SimulatedCluster.fixed(world, addresses={"n1": "127.0.4.1", "n2": "127.0.4.2"}) as running:
        yield running


@pytest.fixture
def plain() -> KubeletClient:
    return kubelets()


def kubelets(options: str = "") -> KubeletClient:
    config = source("http://127.0.0.1:9", f"&nodeStatusPort=true{options}")
    return KubeletClient(config.login, config.kubelets)


def summary(kubelets: KubeletClient, server: Any, within_s: float = 10) -> SummaryResponse:
    return kubelets.summary(node(server.address, server.port), Deadline(within_s))


def failure(kubelets: KubeletClient, server: Any, within_s: float = 10) -> str:
    with pytest.raises(ScrapeError) as raised:
        summary(kubelets, server, within_s)
    url = f"http://{server.address}:{server.port}/stats/summary: "
    assert str(raised.value).startswith(url)
    return str(raised.value).removeprefix(url)


def responding(response: bytes) -> Callable[[socket.socket], None]:
    return lambda connection: connection.sendall(response)


def dripping(beginning: bytes, drop: bytes) -> Callable[[socket.socket], None]:
    """Sends a beginning and then one drop at a time until the client closes the connection."""

    def respond(connection: socket.socket) -> None:
        connection.sendall(beginning)
        connection.settimeout(0.02)
        while True:
            connection.sendall(drop)
            try:
                if not connection.recv(1):
                    return
            except TimeoutError:
                continue

    return respond


def test_the_document_is_unchanged_and_its_pods_are_listed(cluster: SimulatedCluster, plain: KubeletClient) -> None:
    before_ns = time.time_ns()
    response = summary(plain, cluster.endpoints["n1"])
    assert response.document == DOCUMENT
    assert response.pods == {("shop", "web-1")}
    assert before_ns <= response.received_at_ns <= time.time_ns()
    assert response.clock_offset_ns is not None
    assert abs(response.clock_offset_ns) < 2 * SECOND


def test_plain_http_sends_no_token_and_keeps_the_connection(
    raw_server: Callable[..., Any], plain: KubeletClient
) -> None:
    server = raw_server(responding(OK % (2, b"{}")))
    for _ in range(2):
        assert summary(plain, server).document == b"{}"
    head, *lines = server.requests[0].decode().split("\r\n")
    assert head == "GET /stats/summary HTTP/1.1"
    assert not [line for line in lines if line.lower().startswith("authorization")]
    assert (len(server.requests), server.connections) == (2, 1)


def test_a_document_is_read_completely_with_and_without_an_announced_size(
    raw_server: Callable[..., Any], plain: KubeletClient
) -> None:
    large = b'{"x":"%s"}' % (b"x" * 200_000)
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (large[:150_000], large[150_000:], b""))
    server = raw_server(responding(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks))
    for _ in range(2):
        assert summary(plain, server).document == large
    assert server.connections == 1
    assert summary(plain, raw_server(responding(OK % (len(large), large)))).document == large


def test_a_connection_closed_by_the_kubelet_is_opened_again(
    raw_server: Callable[..., Any], plain: KubeletClient
) -> None:
    def respond(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}")
        connection.shutdown(socket.SHUT_RDWR)

    server = raw_server(respond)
    for _ in range(2):
        assert summary(plain, server).document == b"{}"
    assert server.connections == 2


def test_an_ipv6_address_is_put_in_brackets(raw_server: Callable[..., Any], plain: KubeletClient) -> None:
    server = raw_server(responding(OK % (2, b"{}")), "::1")
    assert summary(plain, server).document == b"{}"
    assert f"Host: [::1]:{server.port}".encode() in server.requests[0]


@pytest.mark.parametrize("ahead_s", [-90, 0, 3600])
def test_a_clock_offset_is_detected(cluster: SimulatedCluster, plain: KubeletClient, ahead_s: int) -> None:
    cluster.kubelets["n1"].fault = Fault(clock_offset_s=ahead_s)
    found_ns = summary(plain, cluster.endpoints["n1"]).clock_offset_ns
    assert found_ns is not None
    assert abs(found_ns - ahead_s * SECOND) < 2 * SECOND


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        pytest.param(
            Fault(status=401),
            "HTTP 401: access denied, the scraper needs the RBAC verb get on nodes/stats: kubelet of n1",
            id="401",
        ),
        pytest.param(
            Fault(status=403), "HTTP 403: access denied, the scraper needs the RBAC verb get on nodes/stats", id="403"
        ),
        pytest.param(
            Fault(status=404), "HTTP 404: not found, this may not be the kubelet's port: kubelet of n1", id="404"
        ),
        pytest.param(Fault(status=500), "HTTP 500: kubelet of n1: HTTP 500", id="500, with the body of the response"),
        pytest.param(Fault(cut=True), "the connection was cut: 41 bytes received, 41 more expected", id="cut"),
        pytest.param(MALFORMED, "invalid response: not JSON: ", id="malformed"),
        pytest.param(Fault(body=b""), "invalid response: not JSON: ", id="empty"),
        pytest.param(Fault(body=b"[1]"), "invalid response: a JSON object is expected", id="not an object"),
    ],
)
def test_a_failed_request_says_why(cluster: SimulatedCluster, plain: KubeletClient, fault: Fault, message: str) -> None:
    cluster.kubelets["n1"].fault = fault
    assert failure(plain, cluster.endpoints["n1"]).startswith(message)
    assert cluster.kubelets["n1"].requests == 1


def test_a_hanging_kubelet_times_out(cluster: SimulatedCluster, plain: KubeletClient) -> None:
    cluster.kubelets["n1"].fault = Fault(hang=True)
    assert failure(plain, cluster.endpoints["n1"], within_s=0.2) == "no complete answer within 0.2 s"


@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b" ", id="body"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n", id="chunks"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"x", id="headers"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", id="interim responses"),
    ],
)
def test_a_kubelet_that_sends_single_bytes_times_out(
    raw_server: Callable[..., Any], plain: KubeletClient, beginning: bytes, drop: bytes
) -> None:
    server = raw_server(dripping(beginning, drop))
    assert failure(plain, server, within_s=0.3) == "no complete answer within 0.3 s"


def test_bringing_the_deadline_forward_ends_a_request(raw_server: Callable[..., Any], plain: KubeletClient) -> None:
    requested = threading.Event()
    server = raw_server(lambda _: requested.set())
    deadline = Deadline(60)
    failed: list[str] = []

    def request() -> None:
        with pytest.raises(ScrapeError) as raised:
            plain.summary(node(server.address, server.port), deadline)
        failed.append(str(raised.value))

    requesting = threading.Thread(target=request)
    requesting.start()
    assert requested.wait(10)
    deadline.bring_forward(0)
    requesting.join(10)
    assert failed[0].endswith("no complete answer within 60.0 s")


def test_no_request_is_sent_after_the_deadline(cluster: SimulatedCluster, plain: KubeletClient) -> None:
    assert failure(plain, cluster.endpoints["n1"], within_s=0).startswith("not requested: the scrape round ended")
    assert cluster.kubelets["n1"].requests == 0


def test_a_closed_port_is_reported(plain: KubeletClient) -> None:
    with socket.create_server(("127.0.4.1", 0)) as listening:
        port = listening.getsockname()[1]
    with pytest.raises(ScrapeError, match=rf"^http://127.0.4.1:{port}/stats/summary: Connection refused$"):
        plain.summary(node("127.0.4.1", port), Deadline(10))


def test_a_response_that_is_not_http_is_reported(raw_server: Callable[..., Any], plain: KubeletClient) -> None:
    assert "garbage" in failure(plain, raw_server(responding(b"garbage\r\n\r\n")))


def test_a_redirect_is_not_followed(raw_server: Callable[..., Any], plain: KubeletClient) -> None:
    server = raw_server(responding(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"))
    assert failure(plain, server) == "HTTP 302: "
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("beginning", "size"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", "9999999"),
        (b"HTTP/1.1 200 OK\r\n\r\n", "more than 1"),
    ],
)
def test_a_response_that_is_too_large_is_rejected(
    raw_server: Callable[..., Any],
    plain: KubeletClient,
    monkeypatch: pytest.MonkeyPatch,
    beginning: bytes,
    size: str,
) -> None:
    monkeypatch.setattr(kubelet, "MAX_DOCUMENT_BYTES", 1_000_000)
    message = failure(plain, raw_server(dripping(beginning, b" " * 100_000)))
    assert message.startswith(f"the response is too large: {size}")
    assert message.endswith(" bytes, the limit is 1000000")
