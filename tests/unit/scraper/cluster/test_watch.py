import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from runtime.backoff import Backoff
from scraper import telemetry
from scraper.cluster import client as requests_to_api
from scraper.cluster import watch as watches
from scraper.cluster.client import ApiResource
from scraper.cluster.objects import Json
from scraper.cluster.watch import Watch
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld
from tests.sources import source

SECONDS = 10.0


@pytest.fixture(autouse=True)
def _pauses_are_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watches, "FIRST_PAUSE_S", 0.05)


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "labels": labels}}


def until(reached: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


class Watched:
    """A watch of pods, each kept as its name and labels."""

    def __init__(self, url: str, selector: str = "") -> None:
        self.stopped = threading.Event()
        resource = ApiResource(source(url).login, "pods", selector=selector)
        self._watch = Watch(resource, self._keep, self.stopped)
        self._watch.start()

    @staticmethod
    def _keep(item: Json) -> tuple[str, dict[str, str]]:
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

    def shows(self, *names: str) -> None:
        until(lambda: self.items.keys() == set(names))

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
def watching() -> Iterator[Callable[..., Watched]]:
    started: list[Watched] = []

    def start(url: str, selector: str = "") -> Watched:
        started.append(Watched(url, selector))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def watched(cluster: SimulatedCluster, world: FixedWorld, watching: Callable[..., Watched]) -> Watched:
    found = watching(cluster.api_url)
    found.shows("a", "b", "c")
    world.api.put("pods", pod("c", read="by the watch"))  # not by the list: the answer to the watch is being read
    until(lambda: ("c", {"read": "by the watch"}) in found.items.items())
    return found


def watches_begun() -> float:
    return telemetry.requests.labels("pods", "watch")._value.get()


def messages(caplog: pytest.LogCaptureFixture, watched: Watched) -> list[str]:
    """What that watch has logged: those of other tests may still be ending."""
    return [record.getMessage() for record in caplog.records if record.thread == watched.thread]


def test_everything_is_listed_page_by_page(
    cluster: SimulatedCluster, watching: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests_to_api, "PAGE", 2)
    watched = watching(cluster.api_url)
    watched.shows("a", "b", "c")
    assert watched.synced


def test_changes_are_followed(world: FixedWorld, watched: Watched) -> None:
    world.api.put("pods", pod("d"))
    watched.shows("a", "b", "c", "d")
    world.api.put("pods", pod("a", app="web"))
    until(lambda: watched.items["a"] == {"app": "web"})
    world.api.delete("pods", "shop/b")
    watched.shows("a", "c", "d")


def test_an_object_stays_the_same_if_nothing_has_changed_that_is_kept_of_it(
    world: FixedWorld, watched: Watched
) -> None:
    before = watched.items["c"]
    world.api.put("pods", {**pod("c", read="by the watch"), "status": {"phase": "Running"}})
    world.api.put("pods", pod("d"))
    watched.shows("a", "b", "c", "d")
    assert watched.items["c"] is before


def test_a_watch_that_is_cut_resumes_where_it_was(
    cluster: SimulatedCluster, world: FixedWorld, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        cluster.api.cut_watches()
        world.api.put("pods", pod("d"))
        world.api.delete("pods", "shop/a")
        watched.shows("b", "c", "d")
    assert messages(caplog, watched) == ["the watch broke, it resumes"]


@pytest.mark.parametrize("as_status", [pytest.param(True, id="HTTP 410"), pytest.param(False, id="an ERROR event")])
def test_after_410_everything_is_listed_again(
    cluster: SimulatedCluster, world: FixedWorld, watched: Watched, caplog: pytest.LogCaptureFixture, *, as_status: bool
) -> None:
    cluster.api.gone_as_status = as_status
    with caplog.at_level(logging.INFO):
        cluster.api.failing_with = 503
        cluster.api.cut_watches()
        until(
            lambda: (
                "the Kubernetes API does not answer well, it is asked again until it does" in messages(caplog, watched)
            )
        )
        world.api.delete("pods", "shop/a")
        cluster.api.expire()
        cluster.api.failing_with = None
        watched.shows("b", "c")
    assert "listing again" in messages(caplog, watched)
    world.api.put("pods", pod("d"))
    watched.shows("b", "c", "d")


def test_bookmarks_keep_a_quiet_watch_from_falling_behind(
    cluster: SimulatedCluster, world: FixedWorld, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("x", "y", "z"):
        world.api.put("namespaces", {"metadata": {"name": name}})  # the version goes on without pods
    until(lambda: int(watched._watch._version) == world.api.version)
    with caplog.at_level(logging.INFO):
        cluster.api.cut_watches()
        world.api.put("pods", pod("d"))
        watched.shows("a", "b", "c", "d")
    assert "listing again" not in messages(caplog, watched)


def test_an_outage_is_told_once_and_outlived(
    cluster: SimulatedCluster, world: FixedWorld, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        cluster.api.failing_with = 500
        cluster.api.cut_watches()
        tries = watches_begun()
        until(lambda: watches_begun() >= tries + 2)
        assert watched.items.keys() == {"a", "b", "c"}
        cluster.api.failing_with = None
        world.api.put("pods", pod("d"))
        watched.shows("a", "b", "c", "d")
    assert messages(caplog, watched) == [
        "the watch broke, it resumes",
        "the Kubernetes API does not answer well, it is asked again until it does",
        "the Kubernetes API answers again",
    ]


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "HTTP 401: the API server does not accept who we are: failing with 401"),
        (403, "HTTP 403: the scraper needs a role that may list and watch pods: "),
        (404, "HTTP 404 for /api/v1/pods: "),
        (500, "HTTP 500 for /api/v1/pods: failing with 500, as it was told to"),
    ],
)
def test_a_refusal_says_what_is_needed_and_is_asked_again(
    cluster: SimulatedCluster,
    watching: Callable[..., Watched],
    caplog: pytest.LogCaptureFixture,
    status: int,
    message: str,
) -> None:
    cluster.api.failing_with = status
    with caplog.at_level(logging.ERROR):
        watched = watching(cluster.api_url)
        until(lambda: bool(caplog.records))
    told = vars(caplog.records[0])
    assert told["resource"] == "pods"
    assert told["error"].startswith(message)
    assert not watched.synced
    cluster.api.failing_with = None
    watched.shows("a", "b", "c")


def test_an_api_server_that_is_not_there_yet_is_waited_for(
    world: FixedWorld, watching: Callable[..., Watched], caplog: pytest.LogCaptureFixture
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    with caplog.at_level(logging.ERROR):
        watched = watching(f"http://127.0.0.1:{port}")
        until(lambda: bool(caplog.records))
    assert "Connection refused" in vars(caplog.records[0])["error"]
    with SimulatedCluster.fixed(world, api_port=port):
        watched.shows("a", "b", "c")


@pytest.mark.parametrize(
    "body",
    [pytest.param(b"<html>", id="no JSON"), pytest.param(b"[]", id="no object"), pytest.param(b"", id="nothing")],
)
def test_a_list_that_is_none_is_an_outage(
    raw_server: Callable[..., Any], watching: Callable[..., Watched], caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    server = raw_server(lambda connection: connection.sendall(answer))
    with caplog.at_level(logging.ERROR):
        watched = watching(f"http://127.0.0.1:{server.port}")
        until(lambda: len(server.requests) > 1)
    assert vars(caplog.records[0])["error"].startswith("the list of pods is none: ")
    assert not watched.synced


def test_an_event_that_is_not_json_means_listing_again(
    raw_server: Callable[..., Any], watching: Callable[..., Watched]
) -> None:
    lists = iter([b'{"metadata":{"resourceVersion":"7"},"items":[]}'] * 2)

    def talk(connection: socket.socket) -> None:
        body = b'{"type":"ADDED",\n' if b"watch=true" in server.requests[-1] else next(lists)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    server = raw_server(talk)
    watching(f"http://127.0.0.1:{server.port}")
    until(lambda: len(server.requests) >= 3)
    asked = [request.split(b" ")[1] for request in server.requests[:3]]
    assert asked == [
        b"/api/v1/pods?limit=500",
        b"/api/v1/pods?watch=true&resourceVersion=7&allowWatchBookmarks=true&timeoutSeconds=120",
        b"/api/v1/pods?limit=500",
    ]


def test_a_watch_that_ends_at_once_is_not_begun_without_pause(
    raw_server: Callable[..., Any], watching: Callable[..., Watched]
) -> None:
    page = b'{"metadata":{"resourceVersion":"7"},"items":null}'

    def talk(connection: socket.socket) -> None:
        body = b"" if b"watch=true" in server.requests[-1] else page
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    server = raw_server(talk)
    began = time.monotonic()
    watching(f"http://127.0.0.1:{server.port}")
    until(lambda: len(server.requests) >= 4)
    assert time.monotonic() - began >= watches.FIRST_PAUSE_S / 2 + watches.FIRST_PAUSE_S


def test_what_a_selector_does_not_choose_is_not_there(
    cluster: SimulatedCluster, world: FixedWorld, watching: Callable[..., Watched]
) -> None:
    world.show(pods=[pod("a", app="web"), pod("b", app="db"), pod("c")])
    watched = watching(cluster.api_url, "app=web")
    watched.shows("a")
    world.api.put("pods", pod("c", app="web"))
    watched.shows("a", "c")
    world.api.put("pods", pod("a", app="db"))
    watched.shows("c")


def test_a_list_that_expires_half_read_is_begun_anew(
    raw_server: Callable[..., Any], watching: Callable[..., Watched]
) -> None:
    first = b'{"metadata":{"resourceVersion":"7","continue":"more"},"items":[{"metadata":{"name":"old","labels":{}}}]}'
    whole = b'{"metadata":{"resourceVersion":"8"},"items":[{"metadata":{"name":"new","labels":{}}}]}'
    answers = iter([b"200 OK", b"410 Gone", b"200 OK"]), iter([first, b'{"kind":"Status","code":410}', whole])

    def talk(connection: socket.socket) -> None:
        status, body = (next(each, b"500 Over") for each in answers)
        connection.sendall(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    server = raw_server(talk)
    watching(f"http://127.0.0.1:{server.port}").shows("new")
    asked = [request.split(b" ")[1] for request in server.requests[:3]]
    assert asked == [
        b"/api/v1/pods?limit=500",
        b"/api/v1/pods?limit=500&continue=more",
        b"/api/v1/pods?limit=500",
    ]


def test_a_watch_that_falls_silent_is_noticed(
    raw_server: Callable[..., Any],
    watching: Callable[..., Watched],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requests_to_api, "GRACE_S", 0.1)
    monkeypatch.setattr(requests_to_api, "WATCH_S", 0)
    page = b'{"metadata":{"resourceVersion":"7"},"items":[]}'
    event = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"9"}}}\n'

    def talk(connection: socket.socket) -> None:
        if b"watch=true" in server.requests[-1]:
            head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            connection.sendall(b"%s%x\r\n%s\r\n" % (head, len(event), event))  # and nothing more, nor an end
        else:
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(page), page))

    server = raw_server(talk)
    with caplog.at_level(logging.INFO):
        watched = watching(f"http://127.0.0.1:{server.port}")
        until(lambda: any(b"watch=true&resourceVersion=9" in request for request in server.requests))
    assert "the watch broke, it resumes" in messages(caplog, watched)


def test_an_api_server_that_asks_for_patience_gets_it(
    cluster: SimulatedCluster, watching: Callable[..., Watched], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def wait(pausing: Backoff, at_least_s: float = 0.0) -> None:
        waited.extend([at_least_s] if at_least_s else [])  # those of watches that are just ending ask for nothing
        pausing._stopped.wait(0.005)

    monkeypatch.setattr(Backoff, "wait", wait)
    cluster.api.failing_with, cluster.api.retry_after_s = 429, 7
    watched = watching(cluster.api_url)
    until(lambda: bool(waited))
    cluster.api.retry_after_s = 100_000
    until(lambda: waited[-1] != 7)
    assert waited[-1] == 60, "but not for ever"
    cluster.api.failing_with = None
    watched.shows("a", "b", "c")


def test_a_redirect_is_not_followed(
    cluster: SimulatedCluster,
    raw_server: Callable[..., Any],
    watching: Callable[..., Watched],
    caplog: pytest.LogCaptureFixture,
) -> None:
    elsewhere = raw_server(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    cluster.api.redirecting_to = f"http://127.0.0.1:{elsewhere.port}/"
    with caplog.at_level(logging.ERROR):
        watched = watching(cluster.api_url)
        until(lambda: bool(messages(caplog, watched)))
    assert vars(caplog.records[0])["error"].startswith("HTTP 302 for /api/v1/pods")
    assert elsewhere.requests == []
