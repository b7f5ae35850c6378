"""Connections share TLS contexts and are still verified with the current files."""

import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from runtime.error_reason import reason
from scraper.kubelet.deadline import Deadline, reading_until
from scraper.kubelet.endpoint import Trust
from scraper.kubelet.transport import Transport
from simulator.faults import HEALTHY, Fault
from simulator.server import SimulatedCluster, Tls
from simulator.world import FixedWorld
from tests.sources import ca_file, serving

DOCUMENT = b'{"node":{"nodeName":"n"},"pods":[]}'
ADDRESSES = [f"127.0.7.{number}" for number in range(1, 9)]
MISNAMED = "127.0.7.99"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def other() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def served(authority: trustme.CA) -> ssl.SSLContext:
    """TLS context of the kubelets, which tests change while the kubelets run."""
    return serving(authority, *ADDRESSES)


@pytest.fixture
def cluster(authority: trustme.CA, served: ssl.SSLContext) -> Iterator[SimulatedCluster]:
    addresses = {f"n-{address}": address for address in (*ADDRESSES, MISNAMED)}
    world = FixedWorld()
    world.show(summaries=dict.fromkeys(addresses, DOCUMENT))
    tls = Tls(serving(authority, "127.0.0.1"), served)
    with SimulatedCluster.fixed(world, addresses=addresses, tls=tls) as running:
        yield running


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> Path:
    return ca_file(authority, tmp_path)


@pytest.fixture
def context_calls(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Calls that load files into contexts, counted by method."""
    calls: Counter[str] = Counter()

    def count(method: str) -> None:
        original = getattr(ssl.SSLContext, method)

        def counted(*args: Any, **kwargs: Any) -> None:
            calls[method] += 1
            time.sleep(0.05)  # so that other connections start while a context is created
            original(*args, **kwargs)

        monkeypatch.setattr(ssl.SSLContext, method, counted)

    for method in ("load_verify_locations", "load_default_certs", "load_cert_chain", "set_alpn_protocols"):
        count(method)
    return calls


def get(cluster: SimulatedCluster, address: str, trust: Trust, transport: Transport | None = None) -> bytes:
    url = f"https://{address}:{cluster.kubelet_port}/stats/summary"
    transport = transport or Transport(None)
    with reading_until(Deadline(10)), transport.get(url, {}, trust, timeouts_s=(5, 5)) as response:
        return response.content


def failure(cluster: SimulatedCluster, address: str, trust: Trust) -> str:
    with pytest.raises(requests.RequestException) as raised:
        get(cluster, address, trust)
    return reason(raised.value)


def verified_by(ca: Path, certificate: tuple[str, str] | None = None) -> Trust:
    return Trust(str(ca), certificate, proxy=None)


def identity(authority: trustme.CA, folder: Path) -> tuple[str, str]:
    """A client certificate and its key; overwrites the files of an earlier call."""
    issued = authority.issue_cert("scraper")
    issued.cert_chain_pems[0].write_to_path(folder / "client.crt")
    issued.private_key_pem.write_to_path(folder / "client.key")
    return str(folder / "client.crt"), str(folder / "client.key")


def test_all_connections_share_one_context_that_is_set_up_once(
    cluster: SimulatedCluster, authority: trustme.CA, ca: Path, tmp_path: Path, context_calls: Counter[str]
) -> None:
    trust, transport = verified_by(ca, identity(authority, tmp_path)), Transport(None)
    with ThreadPoolExecutor(len(ADDRESSES)) as pool:
        responses = pool.map(lambda address: get(cluster, address, trust, transport), ADDRESSES)
        assert set(responses) == {DOCUMENT}
    assert context_calls == {"load_verify_locations": 1, "load_cert_chain": 1, "set_alpn_protocols": 1}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_without_verification_no_ca_is_loaded(cluster: SimulatedCluster, context_calls: Counter[str]) -> None:
    for address in (ADDRESSES[0], MISNAMED):
        assert get(cluster, address, Trust(verify=False, certificate=None, proxy=None)) == DOCUMENT
    assert not context_calls.keys() & {"load_verify_locations", "load_default_certs"}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_verifying_and_not_verifying_connections_do_not_share_a_context(
    cluster: SimulatedCluster, ca: Path, other: trustme.CA, tmp_path: Path
) -> None:
    unchecked = Trust(verify=False, certificate=None, proxy=None)
    wrong = verified_by(ca_file(other, tmp_path, "other.crt"))
    for _ in range(2):
        assert get(cluster, ADDRESSES[0], unchecked) == DOCUMENT
        assert get(cluster, ADDRESSES[0], verified_by(ca)) == DOCUMENT
        assert "unable to get local issuer certificate" in failure(cluster, ADDRESSES[0], wrong)
        assert f"not valid for '{MISNAMED}'" in failure(cluster, MISNAMED, verified_by(ca))


def test_a_replaced_ca_file_is_used_for_new_connections(
    cluster: SimulatedCluster, served: ssl.SSLContext, ca: Path, other: trustme.CA, tmp_path: Path
) -> None:
    transport = Transport(None)
    assert get(cluster, ADDRESSES[0], verified_by(ca), transport) == DOCUMENT
    other.issue_cert(*ADDRESSES).configure_cert(served)
    assert "certificate verify failed" in failure(cluster, ADDRESSES[1], verified_by(ca))
    ca_file(other, tmp_path, "new").replace(ca)
    assert get(cluster, ADDRESSES[1], verified_by(ca), transport) == DOCUMENT
    assert get(cluster, ADDRESSES[0], verified_by(ca), transport) == DOCUMENT, "a kept connection stays open"


def test_a_reconnection_uses_the_current_files(
    cluster: SimulatedCluster, served: ssl.SSLContext, ca: Path, other: trustme.CA, tmp_path: Path
) -> None:
    transport, address = Transport(None), ADDRESSES[0]
    assert get(cluster, address, verified_by(ca), transport) == DOCUMENT
    cluster.kubelets[f"n-{address}"].fault = Fault(cut=True)
    with pytest.raises(requests.RequestException):
        get(cluster, address, verified_by(ca), transport)
    cluster.kubelets[f"n-{address}"].fault = HEALTHY
    other.issue_cert(*ADDRESSES).configure_cert(served)
    ca_file(other, tmp_path, "new").replace(ca)
    assert get(cluster, address, verified_by(ca), transport) == DOCUMENT


def test_a_replaced_client_certificate_is_used(
    cluster: SimulatedCluster,
    served: ssl.SSLContext,
    ca: Path,
    authority: trustme.CA,
    other: trustme.CA,
    tmp_path: Path,
) -> None:
    served.verify_mode = ssl.CERT_REQUIRED
    other.configure_trust(served)
    trust = verified_by(ca, identity(authority, tmp_path))
    with pytest.raises(requests.RequestException):
        get(cluster, ADDRESSES[0], trust)
    assert identity(other, tmp_path) == trust.certificate
    assert get(cluster, ADDRESSES[0], trust) == DOCUMENT


def test_invalid_files_fail_until_they_are_repaired(
    cluster: SimulatedCluster, ca: Path, authority: trustme.CA, tmp_path: Path
) -> None:
    good = ca.read_bytes()
    client = identity(authority, tmp_path)
    ca.write_text("half written")
    assert "no certificate or crl found" in failure(cluster, ADDRESSES[0], verified_by(ca, client)).lower()
    ca.write_bytes(good)
    key = Path(client[1])
    plain = key.read_bytes()
    authority.issue_cert("another").private_key_pem.write_to_path(key)
    assert "key values mismatch" in failure(cluster, ADDRESSES[0], verified_by(ca, client))
    key.write_bytes(
        load_pem_private_key(plain, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    assert "private key is encrypted" in failure(cluster, ADDRESSES[0], verified_by(ca, client))
    key.write_bytes(plain)
    assert get(cluster, ADDRESSES[0], verified_by(ca, client)) == DOCUMENT


def test_connections_through_a_proxy_are_verified(
    cluster: SimulatedCluster, ca: Path, other: trustme.CA, tmp_path: Path, raw_server: Callable[..., Any]
) -> None:
    def pass_on(connection: socket.socket) -> None:
        with socket.create_connection((ADDRESSES[0], cluster.kubelet_port)) as kubelet:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=pump, args=(connection, kubelet), daemon=True).start()
            pump(kubelet, connection)

    proxy = f"http://127.0.0.1:{raw_server(pass_on).port}"
    assert get(cluster, ADDRESSES[0], verified_by(ca)._replace(proxy=proxy)) == DOCUMENT
    assert f"not valid for '{MISNAMED}'" in failure(cluster, MISNAMED, verified_by(ca)._replace(proxy=proxy))
    wrong = verified_by(ca_file(other, tmp_path, "other.crt"))._replace(proxy=proxy)
    assert "certificate verify failed" in failure(cluster, ADDRESSES[0], wrong)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while chunk := source.recv(65536):
            sink.sendall(chunk)
        sink.shutdown(socket.SHUT_WR)
