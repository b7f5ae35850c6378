"""Flags of the api: what they mean together, and what makes no sense."""

from pathlib import Path
from typing import Any

import pytest
import trustme
from click.testing import CliRunner

from api.__main__ import api
from api.config import Address, Security
from runtime.errors import ConfigError

FILE = Path("/no/such/file")


@pytest.mark.parametrize(
    ("listen", "ip", "port", "expected"),
    [
        (None, None, None, Address("127.0.0.1", 8082)),
        (None, "0.0.0.0", None, Address("0.0.0.0", 8082)),
        (None, "", 80, Address("0.0.0.0", 80)),
        ("127.0.0.1:8082", None, None, Address("127.0.0.1", 8082)),
        ("[::1]:0", None, None, Address("::1", 0)),
        (":8082", None, None, Address("0.0.0.0", 8082)),
    ],
)
def test_where_it_serves(listen: str | None, ip: str | None, port: int | None, expected: Address) -> None:
    assert Address.parse(listen, ip, port) == expected


@pytest.mark.parametrize(
    ("listen", "ip", "port", "error"),
    [
        ("127.0.0.1:1", "127.0.0.1", None, "--listen cannot be combined"),
        ("127.0.0.1:1", None, 0, "--listen cannot be combined"),
        ("8082", None, None, "--listen=8082: not IP:PORT"),
        ("127.0.0.1:x", None, None, "not IP:PORT"),
        ("127.0.0.1:65536", None, None, "not IP:PORT"),
        ("localhost:80", None, None, "'localhost' is not an IP address"),
        (None, "nowhere", None, "--listen-ip=nowhere"),
    ],
)
def test_where_it_cannot_serve(listen: str | None, ip: str | None, port: int | None, error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        Address.parse(listen, ip, port)


def security(**flags: Any) -> Security:
    nothing: dict[str, Any] = {"tls_cert": None, "tls_key": None, "tls_client_ca": None, "token_file": None}
    return Security.parse(**{"allowed_users": "", **nothing, **flags})


def test_by_default_there_is_neither_tls_nor_a_guard() -> None:
    assert security() == Security(tls=None, access=None)


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        ({"tls_cert": FILE}, "--tls-cert and --tls-key must be given together"),
        ({"tls_key": FILE}, "--tls-cert and --tls-key must be given together"),
        ({"tls_client_ca": FILE}, "--tls-client-ca needs --tls-cert"),
        ({"allowed_users": "bob"}, "--allowed-users needs --tls-client-ca"),
        ({"tls_cert": FILE, "tls_key": FILE}, f"--tls-cert={FILE} --tls-key={FILE}: No such file"),
        (
            {"tls_cert": FILE, "tls_key": FILE, "tls_client_ca": FILE, "token_file": FILE},
            "--token-file and --tls-client-ca cannot be combined",
        ),
        ({"token_file": FILE}, f"--token-file={FILE}: No such file"),
    ],
)
def test_what_makes_no_sense(flags: dict[str, Any], error: str) -> None:
    with pytest.raises(ConfigError, match=error):
        security(**flags)


def test_a_client_ca_without_a_certificate_in_it(tmp_path: Path) -> None:
    server = trustme.CA().issue_cert("localhost")
    cert, key, client_ca = tmp_path / "cert", tmp_path / "key", tmp_path / "ca"
    server.cert_chain_pems[0].write_to_path(cert)
    server.private_key_pem.write_to_path(key)
    client_ca.write_text("nothing")
    with pytest.raises(ConfigError, match=f"--tls-client-ca={client_ca}: no valid certificate in it"):
        security(tls_cert=cert, tls_key=key, tls_client_ca=client_ca)


def test_a_key_of_another_certificate(tmp_path: Path) -> None:
    authority = trustme.CA()
    cert, key = tmp_path / "cert", tmp_path / "key"
    authority.issue_cert("localhost").cert_chain_pems[0].write_to_path(cert)
    authority.issue_cert("localhost").private_key_pem.write_to_path(key)
    with pytest.raises(ConfigError, match=f"--tls-cert={cert} --tls-key={key}"):
        security(tls_cert=cert, tls_key=key)


@pytest.mark.parametrize("flag", ["--heapster-port", "--heapster_port", "--listen-ip", "--listen_ip"])
def test_names_take_dashes_and_underscores(flag: str) -> None:
    found = CliRunner().invoke(api, ["--kafka_brokers=127.0.0.1:1", f"{flag}=nonsense"])
    assert found.exit_code != 0
    assert "No such option" not in found.output
