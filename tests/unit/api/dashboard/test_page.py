"""What the web page asks for, over HTTP."""

import re
from pathlib import Path

import pytest

from api.app import Choices, application
from api.http.access import ByToken
from api.status import Served
from api.store.store import Store
from tests.asked import Asked
from tests.stored import NOW_NS, S, batch, node, stored


class Clock:
    now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns


def client(store: Store, clock: Clock | None = None, choices: Choices | None = None) -> Asked:
    return Asked(application(store, Served(), clock or Clock(), choices or Choices()))


STORE = stored(batch(node("n1", cpu_usage_rate=5)), batch(node("n2", cpu_usage_rate=7)))


@pytest.fixture(scope="module")
def asked() -> Asked:
    return client(STORE)


def test_an_answer_that_the_page_has_is_not_sent_again() -> None:
    clock = Clock()
    store = stored(batch(node("n1", cpu_usage_rate=5)))
    asked = client(store, clock)
    first = asked.get("/page/nodes")
    again = asked.get("/page/nodes", headers={"If-None-Match": first.headers["etag"]})
    assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
    stored(batch(node("n2", cpu_usage_rate=7)), store=store)
    clock.now_ns += 3 * S
    changed = asked.get("/page/nodes", headers={"If-None-Match": first.headers["etag"]})
    assert (changed.status_code, changed.json()["total"]) == (200, 2)


def test_only_the_rows_on_screen_are_sent(asked: Asked) -> None:
    answer = asked.get("/page/nodes?sort=cpu&order=desc&limit=1").json()
    assert (answer["total"], [row["name"] for row in answer["rows"]]) == (2, ["n2"])


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/page/nodes?sort=disk", 400, "sort=disk: not one of name, cpu"),
        ("/page/nodes?limit=1000", 422, "less than or equal to 200"),
        ("/page/nodes?order=up", 422, "should match pattern"),
        ("/page/entity?key=node:n9", 200, "null"),
        ("/page/disks", 404, "404: Page Not Found"),
        ("/web/none.js", 404, "404 page not found"),
        ("/web/%2e%2e/app.py", 301, ""),
    ],
)
def test_what_is_not_there(asked: Asked, path: str, status: int, text: str) -> None:
    answer = asked.get(path)
    assert answer.status_code == status
    assert text in answer.text


def test_the_page_may_load_nothing_from_elsewhere(asked: Asked) -> None:
    answer = asked.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"].startswith("default-src 'self'; ")
    for address in re.findall(r'(?:src|href)="([^"]*)"', answer.text):
        assert re.fullmatch(r"web/[a-z]+\.(js|css|svg)|#.*", address)


def test_files_of_the_page_are_sent_once(asked: Asked) -> None:
    script = asked.get("/web/app.js")
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert asked.get("/web/app.js", headers={"If-None-Match": script.headers["etag"]}).status_code == 304


def test_every_module_that_is_imported_is_there(asked: Asked) -> None:
    seen: set[str] = set()
    new = {"app.js"}
    while new:
        seen |= new
        texts = {name: asked.get(f"/web/{name}") for name in new}
        assert {answer.status_code for answer in texts.values()} == {200}
        new = {name for answer in texts.values() for name in re.findall(r'from "\./([^"]+)"', answer.text)} - seen
    assert len(seen) > 10


def test_the_page_is_for_everybody_but_nothing_that_it_shows(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")
    asked = client(STORE, choices=Choices(access=ByToken(tmp_path / "token")))
    assert {asked.get(path).status_code for path in ("/", "/web/app.js")} == {200}
    assert {asked.get(path).status_code for path in ("/page/overview", "/web", "/api/v1/status")} == {401}
    assert asked.get("/page/overview", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_without_anything_in_memory_the_page_says_why_there_is_nothing() -> None:
    asked = client(Store(), choices=Choices(metric_sink=False))
    assert asked.get("/").status_code == 200
    answer = asked.get("/page/overview")
    assert (answer.status_code, "--disable-metric-sink" in answer.text) == (503, True)
