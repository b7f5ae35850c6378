"""Pieces: a list of any length is written a few entities at a time, and others are answered in between."""

import asyncio
import json
import zlib
from collections.abc import Iterable
from functools import cache

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from api.app import Choices, application
from api.http.pieces import enclosed, joined
from api.http.responses import AT_ONCE
from api.status import Served
from api.store.current_view import CurrentView
from api.store.packed_batch import pack
from api.store.store import Store
from tests.unit.api.store.test_store import NOW, node

NODES = 5 * AT_ONCE
METRICS = {"cpu/usage_rate": 1, "memory/working_set": 1, "cpu/request": 0, "memory/usage": 1}
ALL_PODS = ",".join(f"web-{number:03}" for number in range(NODES))
OF_NODES, OF_PODS = "/apis/metrics.k8s.io/v1beta1/nodes", "/apis/metrics.k8s.io/v1beta1/pods"


@given(st.lists(st.text() | st.none()), st.integers(1, 5))
def test_pieces_make_the_list_and_none_is_of_more_than_was_asked_for(items: list[str | None], at_once: int) -> None:
    pieces = list(enclosed(items, begin="[", comma=",", end="]", empty="nothing"))
    there = [item for item in items if item is not None]
    assert "".join(pieces) == (f"[{','.join(there)}]" if there else "nothing")
    assert len(pieces) == len(items) + 1
    groups = list(joined(pieces, at_once))
    assert "".join(groups) == "".join(pieces)
    assert len(groups) == -(-len(pieces) // at_once)


@cache
def large() -> FastAPI:
    """Of a cluster with many nodes of a pod each."""
    store = Store()
    for number in range(NODES):
        batch = node(NOW, name=f"n{number:03}", pods=(f"web-{number:03}",))
        sets = tuple(each._replace(values=METRICS) for each in batch.sets)
        labels = {each.key: {"app": "web"} for each in sets}
        store.put(pack(node(NOW, name=batch.entity, sets=sets, object_labels=labels)), NOW)
    return application(store, Served(), lambda: NOW, Choices())


async def steps_between(app: FastAPI, path: str, *, accepted: bytes = b"") -> tuple[list[bytes], list[int]]:
    """The bodies that an answer is sent in, and how often somebody else had the event loop before each."""
    path, _, query = path.partition("?")
    scope = {
        "type": "http",
        "method": "GET",
        "http_version": "1.1",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"accept-encoding", accepted)],
    }
    turns = 0
    bodies: list[bytes] = []
    before: list[int] = []

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            bodies.append(message["body"])
            before.append(turns)

    async def receive() -> Message:
        await asyncio.Event().wait()  # the client says nothing more
        raise AssertionError

    other = asyncio.create_task(others())
    await app(scope, receive, send)
    other.cancel()
    return bodies, before


@pytest.mark.parametrize(
    ("path", "mark", "entities"),
    [
        (OF_NODES, b'"usage"', NODES),
        (OF_PODS, b'"namespace"', NODES),
        (f"{OF_PODS}?labelSelector=app%3Dweb", b'"namespace"', NODES),
        ("/apis/metrics.k8s.io/v1beta1/namespaces/default/pods", b'"namespace"', NODES),
        ("/api/v1/model/nodes", b'"n', NODES),
        ("/api/v1/model/namespaces/default/pods", b'"web-', NODES),
        ("/api/v1/model/debug/allkeys", b'"n', 3 * NODES),
        ("/api/v1/metric-export", b'"metrics"', 3 * NODES),
        (f"/api/v1/model/namespaces/default/pod-list/{ALL_PODS}/metrics/memory/usage", b'"metrics"', NODES),
    ],
)
def test_a_long_list_is_sent_a_few_entities_at_a_time_and_makes_way_for_others(
    path: str, mark: bytes, entities: int
) -> None:
    bodies, before = asyncio.run(steps_between(large(), path))
    whole = b"".join(bodies)
    json.loads(whole)
    assert whole.count(mark) == entities
    assert max(body.count(mark) for body in bodies) <= AT_ONCE
    # the first two are known before either is sent; last comes an empty end
    turns = before[1 : -(-entities // AT_ONCE)]
    assert turns == sorted(set(turns))


def test_who_finds_nothing_makes_way_all_the_same() -> None:
    none, before = asyncio.run(steps_between(large(), f"{OF_PODS}?labelSelector=app%3Dnone"))
    assert json.loads(b"".join(none))["items"] == []
    assert before[0] > 2 * NODES // AT_ONCE


def test_a_list_is_read_entity_by_entity() -> None:
    """A step looks into one window, or finds one entity."""
    store = Store()
    for number in range(NODES):
        store.put(pack(node(NOW, name=f"n{number:03}", pods=())), NOW)
    listed: Iterable[object] = CurrentView(store, NOW).all()
    steps = [each is not None for each in listed]
    assert steps == [False] * NODES + [True] * NODES


@pytest.mark.parametrize("path", [OF_NODES, "/api/v1/metric-export"])
def test_compressed_it_comes_in_pieces_too(path: str) -> None:
    app = large()
    plain, _ = asyncio.run(steps_between(app, path))
    packed, _ = asyncio.run(steps_between(app, path, accepted=b"gzip"))
    assert len(b"".join(packed)) < len(b"".join(plain)) / 2
    assert zlib.decompress(b"".join(packed), zlib.MAX_WBITS + 16) == b"".join(plain)
