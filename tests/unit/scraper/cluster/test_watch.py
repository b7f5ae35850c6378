import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runtime.backoff import Backoff
from scraper import telemetry
from scraper.cluster import client as api_client
from scraper.cluster import watch as watches
from scraper.cluster.client import ApiResource
from scraper.cluster.objects import Json
from scraper.cluster.watch import Watch
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.sources import source
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "FIRST_PAUSE_S", 0.05)


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "labels": labels}}


class PodWatch:
    """A watch of pods that keeps their names and labels."""

    def __init__(self, url: str, selector: str = "") -> None:
        self.stopped = threading.Event()
        resource = ApiResource(source(url).login, "pods", selector=selector)
        self._watch = Watch(resource, self._parse, self.stopped)
        self._watch.start()

    @staticmethod
    def _parse(item: Json) -> tuple[str, dict[str, str]]:
        return item["metadata"]["name"], item["metadata"]["labels"] or {}

    @property
    def thread(self) -> int | None:
        return self._watch.ident

    @property
    def synced(self) -> bool:
        return self._watch.synced.is_set()

    @property
    def items(self) -> dict[str, dict[str, str]]:
        return dict(self._watch.items())

    def wait_for(self, *names: str) -> None:
        wait_until(lambda: self.items.keys() == set(names), f"the cache holds {names}")

    def close(self) -> None:
        self.stopped.set()


@pytest.fixture
def world() -> FixedWorld:
    world = FixedWorld()
    world.show(pods=[pod("a"), pod("b"), pod("c")])
    return world


@pytest.fixture
def cluster(world: FixedWorld) -> Iterator[SimulatedCluster]:
    with SimulatedCluster.fixed(world, bookmark_interval_s=0.05) as running:
        yield running


@pytest.fixture
def watching() -> Iterator[Callable[..., PodWatch]]:
    started: list[PodWatch] = []

    def start(url: str, selector: str = "") -> PodWatch:
        started.append(PodWatch(url, selector))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def watched(cluster: SimulatedCluster, world: FixedWorld, watching: Callable[..., PodWatch]) -> PodWatch:
    found = watching(cluster.api_url)
    found.wait_for("a", "b", "c")
    world.api.put("pods", pod("c", read="by the watch"))  # not in the list: the watch is open
    wait_until(lambda: ("c", {"read": "by the watch"}) in found.items.items(), "the watch is open")
    return found


def watches_begun() -> float:
    return telemetry.api_requests.labels("pods", "watch")._value.get()


def messages(caplog: pytest.LogCaptureFixture, watched: PodWatch) -> list[str]:
    """Messages of this watch; watches of other tests may still be ending."""
    return [record.getMessage() for record in caplog.records if record.thread == watched.thread]


def test_a_resource_is_listed_page_by_page(
    cluster: SimulatedCluster, watching: Callable[..., PodWatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_client, "PAGE_SIZE", 2)
    watched = watching(cluster.api_url)
    watched.wait_for("a", "b", "c")
    assert watched.synced


def test_events_update_the_cache(world: FixedWorld, watched: PodWatch) -> None:
    world.api.put("pods", pod("d"))
    watched.wait_for("a", "b", "c", "d")
    world.api.put("pods", pod("a", app="web"))
    wait_until(lambda: watched.items["a"] == {"app": "web"}, "the change of a pod")
    world.api.delete("pods", "shop/b")
    watched.wait_for("a", "c", "d")


def test_an_object_without_changes_in_kept_fields_is_not_replaced(world: FixedWorld, watched: PodWatch) -> None:
    before = watched.items["c"]
    world.api.put("pods", {**pod("c", read="by the watch"), "status": {"phase": "Running"}})
    world.api.put("pods", pod("d"))
    watched.wait_for("a", "b", "c", "d")
    assert watched.items["c"] is before


def test_a_watch_that_is_cut_resumes_where_it_was(
    cluster: SimulatedCluster, world: FixedWorld, watched: PodWatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        cluster.api.cut_watches()
        world.api.put("pods", pod("d"))
        world.api.delete("pods", "shop/a")
        watched.wait_for("b", "c", "d")
    assert messages(caplog, watched) == ["watch interrupted, resuming"]


@pytest.mark.parametrize("as_status", [pytest.param(True, id="HTTP 410"), pytest.param(False, id="an ERROR event")])
def test_the_resource_is_listed_again_after_410(
    cluster: SimulatedCluster,
    world: FixedWorld,
    watched: PodWatch,
    caplog: pytest.LogCaptureFixture,
    *,
    as_status: bool,
) -> None:
    cluster.api.gone_as_status = as_status
    with caplog.at_level(logging.INFO):
        cluster.api.failing_with = 503
        cluster.api.cut_watches()
        failed = "request to the Kubernetes API failed, retrying"
        wait_until(lambda: failed in messages(caplog, watched), "the failure is logged")
        world.api.delete("pods", "shop/a")
        cluster.api.expire()
        cluster.api.failing_with = None
        watched.wait_for("b", "c")
    assert "listing the resource again" in messages(caplog, watched)
    world.api.put("pods", pod("d"))
    watched.wait_for("b", "c", "d")


def test_bookmarks_keep_a_quiet_watch_up_to_date(
    cluster: SimulatedCluster, world: FixedWorld, watched: PodWatch, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("x", "y", "z"):
        world.api.put("namespaces", {"metadata": {"name": name}})  # advances the version without changing pods
    wait_until(lambda: int(watched._watch._version) == world.api.version, "a bookmark")
    with caplog.at_level(logging.INFO):
        cluster.api.cut_watches()
        world.api.put("pods", pod("d"))
        watched.wait_for("a", "b", "c", "d")
    assert "listing the resource again" not in messages(caplog, watched)


def test_an_outage_is_logged_once_and_the_watch_recovers(
    cluster: SimulatedCluster, world: FixedWorld, watched: PodWatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        cluster.api.failing_with = 500
        cluster.api.cut_watches()
        tries = watches_begun()
        wait_until(lambda: watches_begun() >= tries + 2, "two more watch requests")
        assert watched.items.keys() == {"a", "b", "c"}
        cluster.api.failing_with = None
        world.api.put("pods", pod("d"))
        watched.wait_for("a", "b", "c", "d")
    assert messages(caplog, watched) == [
        "watch interrupted, resuming",
        "request to the Kubernetes API failed, retrying",
        "the Kubernetes API answers again",
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "HTTP 401: the API server rejects the scraper's credentials: failing with 401"),
        (403, "HTTP 403: the scraper needs a role that allows list and watch of pods: "),
        (404, "HTTP 404 for /api/v1/pods: "),
        (500, "HTTP 500 for /api/v1/pods: failing with 500, as it was told to"),
    ],
)
def test_an_error_response_is_explained_and_retried(
    cluster: SimulatedCluster,
    watching: Callable[..., PodWatch],
    caplog: pytest.LogCaptureFixture,
    status: int,
    message: str,
) -> None:
    cluster.api.failing_with = status
    with caplog.at_level(logging.ERROR):
        watched = watching(cluster.api_url)
        wait_until(lambda: bool(caplog.records), "a log line")
    line = vars(caplog.records[0])
    assert line["resource"] == "pods"
    assert line["error"].startswith(message)
    assert not watched.synced
    cluster.api.failing_with = None
    watched.wait_for("a", "b", "c")


def test_the_watch_waits_for_an_api_server_that_is_not_up_yet(
    world: FixedWorld, watching: Callable[..., PodWatch], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with caplog.at_level(logging.ERROR):
        watched = watching(f"http://127.0.0.1:{port}")
        wait_until(lambda: bool(caplog.records), "a log line")
    assert "Connection refused" in vars(caplog.records[0])["error"]
    with SimulatedCluster.fixed(world, api_port=port):
        watched.wait_for("a", "b", "c")


@pytest.mark.parametrize(
    "body",
    [pytest.param(b"<html>", id="not JSON"), pytest.param(b"[]", id="not an object"), pytest.param(b"", id="empty")],
)
def test_an_invalid_list_is_retried(
    raw_server: Callable[..., Any], watching: Callable[..., PodWatch], caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    response = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    server = raw_server(lambda connection: connection.sendall(response))
    with caplog.at_level(logging.ERROR):
        watched = watching(f"http://127.0.0.1:{server.port}")
        wait_until(lambda: len(server.requests) > 1, "a second request")
    assert vars(caplog.records[0])["error"].startswith("invalid response to the list of pods: ")
    assert not watched.synced


def test_the_resource_is_listed_again_after_an_invalid_event(
    raw_server: Callable[..., Any], watching: Callable[..., PodWatch]
) -> None:
    page = b'{"metadata":{"resourceVersion":"7"},"items":[]}'

    def respond(connection: socket.socket) -> None:
        body = b'{"type":"ADDED",\n' if b"watch=true" in server.requests[-1] else page
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    server = raw_server(respond)
    watching(f"http://127.0.0.1:{server.port}")
    wait_until(lambda: len(server.requests) >= 3, "three requests")
    urls = [request.split(b" ")[1] for request in server.requests[:3]]
    assert urls == [
        b"/api/v1/pods?limit=500",
        b"/api/v1/pods?watch=true&resourceVersion=7&allowWatchBookmarks=true&timeoutSeconds=120",
        b"/api/v1/pods?limit=500",
    ]


def test_a_watch_that_ends_at_once_backs_off(raw_server: Callable[..., Any], watching: Callable[..., PodWatch]) -> None:
    page = b'{"metadata":{"resourceVersion":"7"},"items":null}'
    requested_at: list[float] = []

    def respond(connection: socket.socket) -> None:
        requested_at.append(time.monotonic())
        body = b"" if b"watch=true" in server.requests[-1] else page
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    server = raw_server(respond)
    watching(f"http://127.0.0.1:{server.port}")
    wait_until(lambda: len(requested_at) >= 4, "four requests")
    assert requested_at[3] - requested_at[0] >= watches.FIRST_PAUSE_S / 2 + watches.FIRST_PAUSE_S


def test_objects_that_do_not_match_the_selector_are_not_cached(
    cluster: SimulatedCluster, world: FixedWorld, watching: Callable[..., PodWatch]
) -> None:
    world.show(pods=[pod("a", app="web"), pod("b", app="db"), pod("c")])
    watched = watching(cluster.api_url, "app=web")
    watched.wait_for("a")
    world.api.put("pods", pod("c", app="web"))
    watched.wait_for("a", "c")
    world.api.put("pods", pod("a", app="db"))
    watched.wait_for("c")


def test_a_list_starts_again_if_its_remaining_pages_expire(
    raw_server: Callable[..., Any], watching: Callable[..., PodWatch]
) -> None:
    first = b'{"metadata":{"resourceVersion":"7","continue":"more"},"items":[{"metadata":{"name":"old","labels":{}}}]}'
    whole = b'{"metadata":{"resourceVersion":"8"},"items":[{"metadata":{"name":"new","labels":{}}}]}'
    answers = iter([b"200 OK", b"410 Gone", b"200 OK"]), iter([first, b'{"kind":"Status","code":410}', whole])

    def respond(connection: socket.socket) -> None:
        status, body = (next(each, b"500 Over") for each in answers)
        connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    server = raw_server(respond)
    watching(f"http://127.0.0.1:{server.port}").wait_for("new")
    urls = [request.split(b" ")[1] for request in server.requests[:3]]
    assert urls == [
        b"/api/v1/pods?limit=500",
        b"/api/v1/pods?limit=500&continue=more",
        b"/api/v1/pods?limit=500",
    ]


def test_a_silent_watch_is_resumed(
    raw_server: Callable[..., Any],
    watching: Callable[..., PodWatch],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(api_client, "WATCH_GRACE_S", 0.1)
    monkeypatch.setattr(api_client, "WATCH_TIMEOUT_S", 0)
    page = b'{"metadata":{"resourceVersion":"7"},"items":[]}'
    event = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}\n'

    def respond(connection: socket.socket) -> None:
        if b"watch=true" in server.requests[-1]:
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(b"%s%x\r\n%s\r\n" % (head, len(event), event))  # sends nothing more and does not close
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))

    server = raw_server(respond)
    with caplog.at_level(logging.INFO):
        watched = watching(f"http://127.0.0.1:{server.port}")
        wait_until(
            lambda: any(b"watch=true&resourceVersion=9" in request for request in server.requests), "a resumed watch"
        )
    assert "watch interrupted, resuming" in messages(caplog, watched)


def test_the_retry_after_header_is_respected(
    cluster: SimulatedCluster, watching: Callable[..., PodWatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def wait(pausing: Backoff, at_least_s: float = 0.0) -> None:
        waited.extend([at_least_s] if at_least_s else [])  # watches of other tests that are ending have no Retry-After
        pausing._stopped.wait(0.005)

    monkeypatch.setattr(Backoff, "wait", wait)
    cluster.api.failing_with, cluster.api.retry_after_s = 429, 7
    watched = watching(cluster.api_url)
    wait_until(lambda: bool(waited), "a pause")
    cluster.api.retry_after_s = 100_000
    wait_until(lambda: waited[-1] != 7, "another pause")
    assert waited[-1] == 60, "at most one minute"
    cluster.api.failing_with = None
    watched.wait_for("a", "b", "c")


def test_a_redirect_is_not_followed(
    cluster: SimulatedCluster,
    raw_server: Callable[..., Any],
    watching: Callable[..., PodWatch],
    caplog: pytest.LogCaptureFixture,
) -> None:
    elsewhere = raw_server(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    cluster.api.redirecting_to = f"http://127.0.0.1:{elsewhere.port}/"
    with caplog.at_level(logging.ERROR):
        watched = watching(cluster.api_url)
        wait_until(lambda: bool(messages(caplog, watched)), "a log line")
    assert vars(caplog.records[0])["error"].startswith("HTTP 302 for /api/v1/pods")
    assert elsewhere.requests == []
