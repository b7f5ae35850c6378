import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client

from scraper import api as requests_to_api
from scraper import telemetry
from scraper.objects import Json
from scraper.pauses import FIRST_S
from scraper.watch import Watch
from simulator.server import SimulatedCluster
from simulator.world import FixedWorld

SECONDS = 10.0


def pod(name: str, **labels: str) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": "shop", "labels": labels}}


def until(reached: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + SECONDS
    while not reached():
        assert time.monotonic() < ends_at
        time.sleep(0.005)


class Watched:
    """A watch of pods, each kept as its name and labels."""

    def __init__(self, url: str) -> None:
        api = client.Configuration()
        api.host = url
        api.retries = False
        self.stopped = threading.Event()
        self._watch = Watch(api, "pods", self._keep, self.stopped)
        self._watch.start()

    @staticmethod
    def _keep(item: Json) -> tuple[str, dict[str, str]]:
        return item["metadata"]["name"], item["metadata"]["labels"] or {}

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
def watching() -> Iterator[Callable[[str], Watched]]:
    started: list[Watched] = []

    def start(url: str) -> Watched:
        started.append(Watched(url))
        return started[-1]

    yield start
    for each in started:
        each.close()


@pytest.fixture
def watched(cluster: SimulatedCluster, watching: Callable[[str], Watched]) -> Watched:
    found = watching(cluster.api_url)
    found.shows("a", "b", "c")
    return found


def watches_begun() -> float:
    return telemetry.requests.labels("pods", "watch")._value.get()


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.name == "scraper.watch"]


def test_everything_is_listed_page_by_page(
    cluster: SimulatedCluster, watching: Callable[[str], Watched], monkeypatch: pytest.MonkeyPatch
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


def test_a_watch_that_is_cut_resumes_where_it_was(
    cluster: SimulatedCluster, world: FixedWorld, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        cluster.api.cut_watches()
        world.api.put("pods", pod("d"))
        world.api.delete("pods", "shop/a")
        watched.shows("b", "c", "d")
    assert messages(caplog) == ["the watch broke, it resumes"]


@pytest.mark.parametrize("as_status", [pytest.param(True, id="HTTP 410"), pytest.param(False, id="an ERROR event")])
def test_after_410_everything_is_listed_again(
    cluster: SimulatedCluster, world: FixedWorld, watched: Watched, caplog: pytest.LogCaptureFixture, *, as_status: bool
) -> None:
    cluster.api.gone_as_status = as_status
    with caplog.at_level(logging.INFO):
        cluster.api.failing_with = 503
        cluster.api.cut_watches()
        until(lambda: "the Kubernetes API does not answer well, it is asked again until it does" in messages(caplog))
        world.api.delete("pods", "shop/a")
        cluster.api.expire()
        cluster.api.failing_with = None
        watched.shows("b", "c")
    assert "listing again" in messages(caplog)
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
    assert "listing again" not in messages(caplog)


def test_an_outage_is_told_once_and_outlived(
    cluster: SimulatedCluster, world: FixedWorld, watched: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        cluster.api.failing_with = 500
        cluster.api.cut_watches()
        tries = watches_begun()
        until(lambda: watches_begun() >= tries + 2)
    assert watched.items.keys() == {"a", "b", "c"}
    cluster.api.failing_with = None
    world.api.put("pods", pod("d"))
    watched.shows("a", "b", "c", "d")
    assert len(messages(caplog)) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (401, "HTTP 401: the scraper needs a role that may list and watch pods: "),
        (403, "HTTP 403: the scraper needs a role that may list and watch pods: "),
        (404, "HTTP 404 for /api/v1/pods: "),
        (500, "HTTP 500 for /api/v1/pods: "),
    ],
)
def test_a_refusal_says_what_is_needed_and_is_asked_again(
    cluster: SimulatedCluster,
    watching: Callable[[str], Watched],
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
    world: FixedWorld, watching: Callable[[str], Watched], caplog: pytest.LogCaptureFixture
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
    raw_server: Callable[..., Any], watching: Callable[[str], Watched], caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    server = raw_server(lambda connection: connection.sendall(answer))
    with caplog.at_level(logging.ERROR):
        watched = watching(f"http://127.0.0.1:{server.port}")
        until(lambda: len(server.requests) > 1)
    assert vars(caplog.records[0])["error"].startswith("the list of pods is no")
    assert not watched.synced


def test_an_event_that_is_not_json_means_listing_again(
    raw_server: Callable[..., Any], watching: Callable[[str], Watched]
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
    raw_server: Callable[..., Any], watching: Callable[[str], Watched]
) -> None:
    page = b'{"metadata":{"resourceVersion":"7"},"items":null}'

    def talk(connection: socket.socket) -> None:
        body = b"" if b"watch=true" in server.requests[-1] else page
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    server = raw_server(talk)
    began = time.monotonic()
    watching(f"http://127.0.0.1:{server.port}")
    until(lambda: len(server.requests) >= 4)
    assert time.monotonic() - began >= FIRST_S / 2 + FIRST_S
