"""Who gets in: every route refuses whoever may not ask, but for what probes need."""

import re
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path

import pytest
import trustme
import uvicorn
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from api.app import Choices, application
from api.config import Security
from api.dashboard.page import page_routes
from api.heapster.history import History, HistoryConfig
from api.http.access import OPEN, Access, ByCertificate, ByToken
from api.http.peer import EXTENSION, PeerProtocol
from api.status import Served
from api.store.store import Store
from runtime.errors import ConfigError
from tests.asked import Asked

TOKEN = "correct-horse-battery-staple"
NOW_NS = 1_700_000_000_000_000_000


HISTORY = History(HistoryConfig.parse("influxdb:http://127.0.0.1:9", "default"))  # nothing answers there


def app_with(access: Access | None) -> FastAPI:
    return application(Store(), Served(), lambda: NOW_NS, Choices(access=access, history=HISTORY))


def paths(app: FastAPI) -> list[str]:
    """A path of every route, also of those that FastAPI adds."""
    found = []
    for path in all_paths(app):
        parts = ["x" if part.startswith("{") else part for part in path.split("/")]
        found.append("/".join(parts))
    return found


def all_paths(app: FastAPI) -> list[str]:
    documented = list(app.openapi()["paths"])
    of_its_own = ["/openapi.json", "/docs", "/docs/oauth2-redirect", "/static-offline-docs/swagger-ui.css"]
    of_the_page = [route.path for route in page_routes(Store(), lambda: NOW_NS).routes if isinstance(route, APIRoute)]
    return [*documented, *of_its_own, *of_the_page, "/", "/no/such/path"]


@pytest.fixture(scope="module")
def token_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("access") / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@pytest.fixture(scope="module")
def guarded(token_file: Path) -> Asked:
    return Asked(app_with(ByToken(token_file)))


@pytest.fixture(scope="module")
def for_alice() -> FastAPI:
    return app_with(ByCertificate(frozenset({"alice"})))


OPEN_TO_ALL = app_with(None)
GUARDED = sorted(set(paths(OPEN_TO_ALL)) - OPEN - {"/"})


def test_the_page_of_the_routes_loads_nothing_from_other_hosts() -> None:
    client = Asked(OPEN_TO_ALL)
    page = client.get("/docs").text
    loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
    assert loaded
    assert [client.get(path).status_code for path in loaded] == [200] * len(loaded)
    assert "//" not in "".join(loaded)


def test_there_are_routes_to_guard() -> None:
    assert len(GUARDED) > 80
    assert {"/openapi.json", "/docs", "/api/v1/metric-export", "/api/v1/status", "/page/pods"} < set(GUARDED)
    assert {"/api/v1/historical/nodes", "/apis/metrics/v1alpha1/pods", "/metrics"} < set(GUARDED)
    assert "/apis/metrics.k8s.io/v1beta1" in GUARDED


@pytest.mark.parametrize("path", GUARDED)
def test_no_route_answers_without_the_token(guarded: Asked, path: str) -> None:
    for method in ("GET", "POST", "HEAD", "OPTIONS"):
        answer = guarded.request(method, path)
        assert answer.status_code == 401, method
        assert answer.headers["www-authenticate"] == "Bearer"
    for wrong in ("Bearer wrong", f"Basic {TOKEN}", ""):
        assert guarded.get(path, headers={"Authorization": wrong}).status_code == 401, wrong
    assert guarded.get(f"{path.rstrip('/')}/").status_code == 401
    assert guarded.get(path, headers={"Authorization": f"bearer  {TOKEN} "}).status_code not in {401, 403}


@pytest.mark.parametrize("path", [*GUARDED, "/", "/web/app.js"])
def test_no_route_answers_without_a_certificate_of_those_who_may(for_alice: FastAPI, path: str) -> None:
    """As the server tells of a verified certificate; real ones are below."""

    def status(extensions: dict[str, dict[str, str]] | None) -> int:
        async def as_the_server(scope: Scope, receive: Receive, send: Send) -> None:
            await for_alice({**scope, "extensions": extensions}, receive, send)

        return Asked(as_the_server).get(path, headers={"Authorization": f"Bearer {TOKEN}"}).status_code

    assert status(None) == 401
    assert [status({EXTENSION: {"common_name": name}}) for name in ("eve", "")] == [403, 403]
    assert status({EXTENSION: {"common_name": "alice"}}) not in {401, 403}


@pytest.mark.parametrize("path", sorted(OPEN))
def test_probes_need_no_token(guarded: Asked, path: str) -> None:
    assert guarded.get(path).status_code in {500, 503}
    assert guarded.get(f"{path}/").status_code in {500, 503}


@pytest.mark.parametrize(
    "path", ["/healthz/../api/v1/model/nodes", "/healthz/x", "/healthzx", "/api/v1/model//healthz"]
)
def test_what_only_looks_open_is_not(guarded: Asked, path: str) -> None:
    assert guarded.get(path).status_code in {301, 401}


def test_the_web_page_asks_for_the_token_itself(guarded: Asked) -> None:
    assert guarded.get("/").status_code == 200
    assert "text/html" in guarded.get("/").headers["content-type"]


def test_a_renewed_token_counts_at_once_and_the_old_one_no_more(guarded: Asked, token_file: Path) -> None:
    def status(token: str) -> int:
        return guarded.get("/api/v1/model/nodes", headers={"Authorization": f"Bearer {token}"}).status_code

    assert status(TOKEN) == 200
    token_file.write_text("renewed")
    assert (status(TOKEN), status("renewed")) == (401, 200)
    token_file.unlink()
    assert (status(TOKEN), status("renewed")) == (401, 401)
    token_file.write_text("again")
    assert status("again") == 200
    token_file.write_text(TOKEN)


@pytest.mark.parametrize("content", [None, "", " \n"])
def test_a_token_file_without_a_token_ends_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=f"--token-file={path}"):
        ByToken(path)


class Certificates:
    """Files of a server, of its clients' authority, and of clients."""

    def __init__(self, folder: Path) -> None:
        self.authority, self.stranger = trustme.CA(), trustme.CA()
        server = self.authority.issue_cert("localhost")
        self.cert, self.key, self.client_ca = folder / "cert", folder / "key", folder / "ca"
        server.cert_chain_pems[0].write_to_path(self.cert)
        server.private_key_pem.write_to_path(self.key)
        self.authority.cert_pem.write_to_path(self.client_ca)

    def security(self, allowed_users: str = "") -> Security:
        return Security.parse(
            tls_cert=self.cert,
            tls_key=self.key,
            tls_client_ca=self.client_ca,
            allowed_users=allowed_users,
            token_file=None,
        )

    def context(self, user: str | None, authority: trustme.CA | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if user is not None:
            certificate = (authority or self.authority).issue_cert(f"{user}.example", common_name=user)
            certificate.configure_cert(context)
        return context


@contextmanager
def served(security: Security) -> Iterator[int]:
    listener = socket.create_server(("127.0.0.1", 0))
    tls = security.tls
    assert tls is not None
    server = uvicorn.Server(
        uvicorn.Config(
            app_with(security.access),
            http=PeerProtocol,
            ssl_context_factory=lambda _config, _default: tls,
            log_config=None,
        )
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()


def asked(port: int, path: str, context: ssl.SSLContext) -> tuple[int, str]:
    connection = HTTPSConnection("localhost", port, context=context, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def test_client_certificates(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    nobody, alice, eve = (certificates.context(user) for user in (None, "alice", "eve"))
    with served(certificates.security("bob, alice")) as port:
        for path in ("/api/v1/model/nodes", "/metrics", "/docs", "/"):
            assert asked(port, path, nobody) == (401, "Unauthorized")
            assert asked(port, path, eve) == (403, "Forbidden")
            assert asked(port, path, alice)[0] in {200, 404}
        assert asked(port, "/api/v1/model/nodes", alice) == (200, "[]")
        assert asked(port, "/healthz", nobody)[0] == 500
        with pytest.raises((ssl.SSLError, ConnectionError)):
            asked(port, "/api/v1/model/nodes", certificates.context("alice", certificates.stranger))


def test_a_kubernetes_api_server_finds_what_there_is_with_its_front_proxy_certificate(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    with served(certificates.security("front-proxy-client")) as port:
        for path in ("/apis/metrics.k8s.io/v1beta1", "/apis/metrics.k8s.io/v1beta1/nodes"):
            assert asked(port, path, certificates.context("front-proxy-client"))[0] == 200
            assert asked(port, path, certificates.context("eve"))[0] == 403


def test_without_allowed_users_any_verified_certificate_will_do(tmp_path: Path) -> None:
    certificates = Certificates(tmp_path)
    with served(certificates.security()) as port:
        assert asked(port, "/api/v1/model/nodes", certificates.context(None))[0] == 401
        assert asked(port, "/api/v1/model/nodes", certificates.context("eve"))[0] == 200
