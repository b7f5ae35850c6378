"""Connections to kubelets share what they are secured with, and nothing of their security is lost by it."""

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
    """What the kubelets show and whom they let in, to be changed while they run."""
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
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """What was done to make contexts, and how often."""
    calls: Counter[str] = Counter()

    def count(method: str) -> None:
        original = getattr(ssl.SSLContext, method)

        def counted(*args: Any, **kwargs: Any) -> None:
            calls[method] += 1
            time.sleep(0.05)  # so that other connections come while one makes it
            original(*args, **kwargs)

        monkeypatch.setattr(ssl.SSLContext, method, counted)

    for method in ("load_verify_locations", "load_default_certs", "load_cert_chain", "set_alpn_protocols"):
        count(method)
    return calls


def ask(cluster: SimulatedCluster, address: str, trust: Trust, transport: Transport | None = None) -> bytes:
    url = f"https://{address}:{cluster.kubelet_port}/stats/summary"
    transport = transport or Transport(None)
    with reading_until(Deadline(10)), transport.get(url, {}, trust, timeouts_s=(5, 5)) as answer:
        return answer.content


def failure(cluster: SimulatedCluster, address: str, trust: Trust) -> str:
    with pytest.raises(requests.RequestException) as raised:
        ask(cluster, address, trust)
    return reason(raised.value)


def believing(ca: Path, certificate: tuple[str, str] | None = None) -> Trust:
    return Trust(str(ca), certificate, proxy=None)


def identity(authority: trustme.CA, folder: Path) -> tuple[str, str]:
    """A client's certificate and key, written over those that were there."""
    issued = authority.issue_cert("scraper")
    issued.cert_chain_pems[0].write_to_path(folder / "me.crt")
    issued.private_key_pem.write_to_path(folder / "me.key")
    return str(folder / "me.crt"), str(folder / "me.key")


def test_a_context_is_made_once_for_all_kubelets_and_left_alone_then(
    cluster: SimulatedCluster, authority: trustme.CA, ca: Path, tmp_path: Path, made: Counter[str]
) -> None:
    trust, transport = believing(ca, identity(authority, tmp_path)), Transport(None)
    with ThreadPoolExecutor(len(ADDRESSES)) as pool:
        answers = pool.map(lambda address: ask(cluster, address, trust, transport), ADDRESSES)
        assert set(answers) == {DOCUMENT}
    assert made == {"load_verify_locations": 1, "load_cert_chain": 1, "set_alpn_protocols": 1}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_where_any_certificate_will_do_no_authority_is_read(cluster: SimulatedCluster, made: Counter[str]) -> None:
    for address in (ADDRESSES[0], MISNAMED):
        assert ask(cluster, address, Trust(verify=False, certificate=None, proxy=None)) == DOCUMENT
    assert not made.keys() & {"load_verify_locations", "load_default_certs"}


@pytest.mark.filterwarnings("ignore:Unverified HTTPS request")
def test_what_is_shared_without_verification_is_not_what_verifies(
    cluster: SimulatedCluster, ca: Path, other: trustme.CA, tmp_path: Path
) -> None:
    unchecked = Trust(verify=False, certificate=None, proxy=None)
    wrong = believing(ca_file(other, tmp_path, "other.crt"))
    for _ in range(2):
        assert ask(cluster, ADDRESSES[0], unchecked) == DOCUMENT
        assert ask(cluster, ADDRESSES[0], believing(ca)) == DOCUMENT
        assert "unable to get local issuer certificate" in failure(cluster, ADDRESSES[0], wrong)
        assert f"not valid for '{MISNAMED}'" in failure(cluster, MISNAMED, believing(ca))


def test_a_new_authority_is_believed_and_the_old_one_no_longer(
    cluster: SimulatedCluster, served: ssl.SSLContext, ca: Path, other: trustme.CA, tmp_path: Path
) -> None:
    transport = Transport(None)
    assert ask(cluster, ADDRESSES[0], believing(ca), transport) == DOCUMENT
    other.issue_cert(*ADDRESSES).configure_cert(served)
    assert "certificate verify failed" in failure(cluster, ADDRESSES[1], believing(ca))
    ca_file(other, tmp_path, "new").replace(ca)
    assert ask(cluster, ADDRESSES[1], believing(ca), transport) == DOCUMENT
    assert ask(cluster, ADDRESSES[0], believing(ca), transport) == DOCUMENT, "a connection that is kept goes on"


def test_a_lost_connection_is_made_again_by_the_files_as_they_are_then(
    cluster: SimulatedCluster, served: ssl.SSLContext, ca: Path, other: trustme.CA, tmp_path: Path
) -> None:
    transport, address = Transport(None), ADDRESSES[0]
    assert ask(cluster, address, believing(ca), transport) == DOCUMENT
    cluster.kubelets[f"n-{address}"].fault = Fault(cut=True)
    with pytest.raises(requests.RequestException):
        ask(cluster, address, believing(ca), transport)
    cluster.kubelets[f"n-{address}"].fault = HEALTHY
    other.issue_cert(*ADDRESSES).configure_cert(served)
    ca_file(other, tmp_path, "new").replace(ca)
    assert ask(cluster, address, believing(ca), transport) == DOCUMENT


def test_a_new_certificate_of_ours_is_shown(
    cluster: SimulatedCluster,
    served: ssl.SSLContext,
    ca: Path,
    authority: trustme.CA,
    other: trustme.CA,
    tmp_path: Path,
) -> None:
    served.verify_mode = ssl.CERT_REQUIRED
    other.configure_trust(served)
    ours = believing(ca, identity(authority, tmp_path))
    with pytest.raises(requests.RequestException):
        ask(cluster, ADDRESSES[0], ours)
    assert identity(other, tmp_path) == ours.certificate
    assert ask(cluster, ADDRESSES[0], ours) == DOCUMENT


def test_what_cannot_be_used_is_told_until_it_can(
    cluster: SimulatedCluster, ca: Path, authority: trustme.CA, tmp_path: Path
) -> None:
    good = ca.read_bytes()
    ours = identity(authority, tmp_path)
    ca.write_text("just being written")
    assert "no certificate or crl found" in failure(cluster, ADDRESSES[0], believing(ca, ours)).lower()
    ca.write_bytes(good)
    key = Path(ours[1])
    plain = key.read_bytes()
    authority.issue_cert("another").private_key_pem.write_to_path(key)
    assert "key values mismatch" in failure(cluster, ADDRESSES[0], believing(ca, ours))
    key.write_bytes(
        load_pem_private_key(plain, None).private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret")
        )
    )
    assert "private key is encrypted" in failure(cluster, ADDRESSES[0], believing(ca, ours))
    key.write_bytes(plain)
    assert ask(cluster, ADDRESSES[0], believing(ca, ours)) == DOCUMENT


def test_through_a_proxy_kubelets_are_verified_too(
    cluster: SimulatedCluster, ca: Path, other: trustme.CA, tmp_path: Path, raw_server: Callable[..., Any]
) -> None:
    def pass_on(connection: socket.socket) -> None:
        with socket.create_connection((ADDRESSES[0], cluster.kubelet_port)) as kubelet:
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            threading.Thread(target=pump, args=(connection, kubelet), daemon=True).start()
            pump(kubelet, connection)

    proxy = f"http://127.0.0.1:{raw_server(pass_on).port}"
    assert ask(cluster, ADDRESSES[0], believing(ca)._replace(proxy=proxy)) == DOCUMENT
    assert f"not valid for '{MISNAMED}'" in failure(cluster, MISNAMED, believing(ca)._replace(proxy=proxy))
    wrong = believing(ca_file(other, tmp_path, "other.crt"))._replace(proxy=proxy)
    assert "certificate verify failed" in failure(cluster, ADDRESSES[0], wrong)


def pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            sink.sendall(piece)
        sink.shutdown(socket.SHUT_WR)
