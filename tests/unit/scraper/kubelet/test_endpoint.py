"""TLS, credentials and URLs, against real servers with their own certificates."""

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Literal

import pytest
import trustme

from runtime.errors import ConfigError
from scraper.cluster.objects import ClusterNode
from scraper.kubelet.client import KubeletClient, ScrapeError
from scraper.kubelet.deadline import Deadline
from scraper.kubelet.endpoint import KubeletEndpoint
from simulator.guard import ALL_RIGHTS
from simulator.node_proxy import TOKEN
from simulator.server import SimulatedCluster, Tls
from simulator.world import FixedWorld
from tests.sources import ca_file, kubeconfig, node, serving, source

DOCUMENT = b'{"node":{"nodeName":"n1"},"pods":[]}'
ADDRESS = "127.0.6.1"
TOKENS = {"t": ALL_RIGHTS, "without": frozenset({"list nodes"}), TOKEN: ALL_RIGHTS}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def kubelets_authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def start() -> Iterator[Callable[..., SimulatedCluster]]:
    with ExitStack() as running:

        def start(tls: Tls) -> SimulatedCluster:
            world = FixedWorld()
            world.show(summaries={"n1": DOCUMENT})
            cluster = running.enter_context(SimulatedCluster.fixed(world, addresses={"n1": ADDRESS}, tls=tls))
            cluster.api.guard.tokens = cluster.kubelets["n1"].guard.tokens = TOKENS
            return cluster

        yield start


@pytest.fixture
def cluster(
    start: Callable[..., SimulatedCluster], authority: trustme.CA, kubelets_authority: trustme.CA
) -> SimulatedCluster:
    """A cluster whose API server and kubelets have certificates of different authorities."""
    return start(Tls(serving(authority, "127.0.0.1"), serving(kubelets_authority, ADDRESS)))


class KubeletReader:
    """Reads the node's document with the credentials of a kubeconfig."""

    def __init__(self, cluster: SimulatedCluster, folder: Path, authority: trustme.CA, *, token: str = "t") -> None:
        self._cluster = cluster
        ca = ca_file(authority, folder)
        self.path = kubeconfig(
            folder, cluster.api_url, cluster=f"certificate-authority: {ca}", user=f"token: {token}" if token else ""
        )

    def read(self, options: str, *, port: int | None = None) -> bytes:
        config = source("", f"&auth={self.path}{options}")
        here = node(ADDRESS, self._cluster.kubelet_port if port is None else port)
        return KubeletClient(config.login, config.kubelets).summary(here, Deadline(10)).document

    def failure(self, options: str) -> str:
        with pytest.raises(ScrapeError) as raised:
            self.read(options)
        assert "Bearer" not in str(raised.value)
        return str(raised.value)


DIRECT = "&kubeletHttps=true&nodeStatusPort=true"


def test_kubelet_ca_verifies_kubelets(
    cluster: SimulatedCluster, tmp_path: Path, authority: trustme.CA, kubelets_authority: trustme.CA
) -> None:
    theirs = ca_file(kubelets_authority, tmp_path, "kubelets.crt")
    reader = KubeletReader(cluster, tmp_path, authority)
    assert reader.read(f"{DIRECT}&kubeletCA={theirs}") == DOCUMENT
    assert "certificate verify failed" in reader.failure(DIRECT)
    assert "certificate verify failed" in reader.failure(f"{DIRECT}&kubeletCA={tmp_path / 'ca.crt'}")


def test_kubelet_insecure_skips_verification_of_kubelets_only(
    cluster: SimulatedCluster, tmp_path: Path, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    reader = KubeletReader(cluster, tmp_path, authority)
    with caplog.at_level(logging.WARNING), pytest.warns(match="Unverified HTTPS request"):
        assert reader.read(f"{DIRECT}&kubeletInsecure=true") == DOCUMENT
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "the certificates of kubelets are not verified"
    ]
    assert source("", f"&auth={reader.path}{DIRECT}&kubeletInsecure=true").login.configuration.verify_ssl


def test_the_token_is_sent_over_https(
    cluster: SimulatedCluster, tmp_path: Path, authority: trustme.CA, kubelets_authority: trustme.CA
) -> None:
    options = f"{DIRECT}&kubeletCA={ca_file(kubelets_authority, tmp_path, 'kubelets.crt')}"
    assert "HTTP 401" in KubeletReader(cluster, tmp_path, authority, token="").failure(options)
    assert "HTTP 401" in KubeletReader(cluster, tmp_path, authority, token="wrong").failure(options)
    refusal = KubeletReader(cluster, tmp_path, authority, token="without").failure(options)
    assert "HTTP 403: access denied, the scraper needs the RBAC verb get on nodes/stats" in refusal


def test_a_netrc_file_does_not_replace_the_token(
    cluster: SimulatedCluster, tmp_path: Path, authority: trustme.CA, kubelets_authority: trustme.CA, monkeypatch: Any
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"machine {ADDRESS} login somebody password else")
    monkeypatch.setenv("NETRC", str(netrc))
    theirs = ca_file(kubelets_authority, tmp_path, "kubelets.crt")
    assert KubeletReader(cluster, tmp_path, authority).read(f"{DIRECT}&kubeletCA={theirs}") == DOCUMENT


def test_no_token_is_sent_over_plain_http(
    start: Callable[..., SimulatedCluster], tmp_path: Path, authority: trustme.CA
) -> None:
    cluster = start(Tls(serving(authority, "127.0.0.1")))
    assert "HTTP 401" in KubeletReader(cluster, tmp_path, authority).failure("&nodeStatusPort=true")


def test_a_redirect_is_not_followed(
    raw_server: Callable[..., Any], tmp_path: Path, cluster: SimulatedCluster, authority: trustme.CA
) -> None:
    elsewhere = raw_server(lambda connection: connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
    reader = KubeletReader(cluster, tmp_path, authority)
    cluster.api.redirecting_to = f"http://127.0.0.1:{elsewhere.port}/"
    assert "HTTP 302" in reader.failure("&kubeletProxy=true")
    assert elsewhere.requests == []


def test_kubelet_proxy_goes_through_the_api_server(
    cluster: SimulatedCluster, tmp_path: Path, authority: trustme.CA
) -> None:
    reader = KubeletReader(cluster, tmp_path, authority)
    assert reader.read("&kubeletProxy=true") == DOCUMENT
    own_port = f"&kubeletProxy=true&kubeletPort={cluster.kubelet_port}"
    assert reader.read(own_port) == DOCUMENT
    refusal = KubeletReader(cluster, tmp_path, authority, token="without").failure("&kubeletProxy=true")
    assert "HTTP 403: access denied, the scraper needs the RBAC verb get on nodes/proxy" in refusal


def test_kubelet_proxy_verifies_the_api_server(
    cluster: SimulatedCluster, tmp_path: Path, kubelets_authority: trustme.CA
) -> None:
    reader = KubeletReader(cluster, tmp_path, kubelets_authority)
    assert "certificate verify failed" in reader.failure("&kubeletProxy=true")


def test_tls_server_name_sets_the_expected_name(
    start: Callable[..., SimulatedCluster], tmp_path: Path, authority: trustme.CA
) -> None:
    cluster = start(Tls(serving(authority, "kubernetes.default")))
    reader = KubeletReader(cluster, tmp_path, authority)
    assert "certificate verify failed" in reader.failure("&kubeletProxy=true")
    named = f"certificate-authority: {tmp_path / 'ca.crt'}, tls-server-name: kubernetes.default"
    kubeconfig(tmp_path, cluster.api_url, cluster=named, user="token: t")
    assert reader.read("&kubeletProxy=true") == DOCUMENT


N1 = node("10.0.0.1", 10250)


@pytest.mark.parametrize(
    ("options", "where", "expected"),
    [
        pytest.param("", N1, "http://10.0.0.1:10255", id="Heapster's default"),
        pytest.param("&kubeletHttps=true&kubeletPort=10250", N1, "https://10.0.0.1:10250", id="https"),
        pytest.param("&nodeStatusPort=true", N1, "http://10.0.0.1:10250", id="the port of the node status"),
        pytest.param(
            "&nodeStatusPort=true", node("10.0.0.1", None), "http://10.0.0.1:10255", id="no port in the node status"
        ),
        pytest.param("", node("fd00::1", None), "http://[fd00::1]:10255", id="IPv6"),
        pytest.param("", node("n1.example.org", None), "http://n1.example.org:10255", id="a name"),
        pytest.param(
            "&kubeletProxy=true", N1, "http://h/api/v1/nodes/n1/proxy", id="through the API server, default port"
        ),
        pytest.param(
            "&kubeletProxy=true&kubeletPort=10250",
            N1,
            "http://h/api/v1/nodes/n1/proxy",
            id="kubeletPort equals the port of the node status",
        ),
        pytest.param(
            "&kubeletProxy=true&kubeletPort=10255",
            N1,
            "http://h/api/v1/nodes/http:n1:10255/proxy",
            id="another port is part of the URL",
        ),
        pytest.param(
            "&kubeletProxy=true&kubeletPort=443&kubeletHttps=true",
            N1,
            "http://h/api/v1/nodes/https:n1:443/proxy",
            id="another port and scheme",
        ),
    ],
)
def test_the_url_of_a_kubelet(options: str, where: ClusterNode, expected: str) -> None:
    config = source("http://h", options)
    assert KubeletEndpoint(config.login, config.kubelets).url(where) == expected


@pytest.mark.parametrize(
    ("cluster", "options", "expected"),
    [
        pytest.param("certificate-authority: CA", "", "CA", id="the CA of the API server"),
        pytest.param("certificate-authority: CA", "&kubeletCA=OTHER", "OTHER", id="kubeletCA"),
        pytest.param("certificate-authority: CA", "&kubeletInsecure=true", False, id="kubeletInsecure"),
        pytest.param("", "", False, id="no CA: no verification, as in Heapster"),
        pytest.param("", "&kubeletCA=OTHER", "OTHER", id="kubeletCA without an API server CA"),
        pytest.param("insecure-skip-tls-verify: true", "", False, id="insecure API server"),
        pytest.param(
            "insecure-skip-tls-verify: true", "&kubeletCA=OTHER", "OTHER", id="kubeletCA with an insecure API server"
        ),
    ],
)
def test_the_ca_that_verifies_kubelets(
    authority: trustme.CA,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    cluster: str,
    options: str,
    expected: str | Literal[False],
) -> None:
    for name in ("CA", "OTHER"):
        ca_file(authority, tmp_path, name)
    path = kubeconfig(tmp_path, "https://h", cluster=cluster.replace("CA", str(tmp_path / "CA")))
    options = options.replace("OTHER", str(tmp_path / "OTHER"))
    config = source("", f"&auth={path}&kubeletHttps=true{options}")
    with caplog.at_level(logging.WARNING):
        found = KubeletEndpoint(config.login, config.kubelets).trust().verify
    assert found == (str(tmp_path / expected) if isinstance(expected, str) else expected)
    logged = [record.getMessage() for record in caplog.records if "kubelets" in record.getMessage()]
    assert bool(logged) is (expected is False), "a warning if nothing is verified"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("&kubeletCA=/nowhere", "--source=kubernetes: kubeletCA=/nowhere: No such file or directory"),
        ("&kubeletCA=FILE", "--source=kubernetes: kubeletCA=FILE: the file has no certificate in PEM format"),
        ("&kubeletCA=a&kubeletInsecure=true", "--source=kubernetes: kubeletCA and kubeletInsecure=true contradict"),
        ("&kubeletInsecure=x", "--source=kubernetes: the option `kubeletInsecure`: 'x'"),
        ("&kubeletProxy=x", "--source=kubernetes: the option `kubeletProxy`: 'x'"),
    ],
)
def test_invalid_options_are_rejected(tmp_path: Path, options: str, message: str) -> None:
    path = tmp_path / "file"
    path.write_text("no certificate")
    with pytest.raises(ConfigError) as raised:
        source("http://h", options.replace("FILE", str(path)))
    assert str(raised.value).startswith(message.replace("FILE", str(path)))


def test_options_without_effect_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        source("http://h", "&kubeletInsecure=true")
        source("http://h", "&kubeletInsecure=true&kubeletHttps=true&kubeletProxy=true")
    assert [record.getMessage() for record in caplog.records] == [
        "kubeletCA and kubeletInsecure have no effect without kubeletHttps=true",
        "kubeletCA and kubeletInsecure have no effect with kubeletProxy=true",
    ]
