"""Configuration of the api: the address to serve on, TLS and access (docs/configuration.md)."""

import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from api.http.access import Access, ByCertificate, ByToken
from runtime.errors import ConfigError

DEFAULT_IP: Final = "127.0.0.1"
DEFAULT_PORT: Final = 8082
_MAX_PORT: Final = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """The address to serve on; port 0 is any free port."""

    ip: str = DEFAULT_IP
    port: int = DEFAULT_PORT

    @classmethod
    def parse(cls, listen: str | None, listen_ip: str | None, heapster_port: int | None) -> Self:
        """Parse `--listen=IP:PORT` or Heapster's two flags. Raises ConfigError: both are given, or no valid address."""
        if listen is None:
            ip = DEFAULT_IP if listen_ip is None else listen_ip
            return cls(_ip(f"--listen-ip={ip}", ip), DEFAULT_PORT if heapster_port is None else heapster_port)
        if listen_ip is not None or heapster_port is not None:
            raise ConfigError("--listen cannot be combined with --listen-ip or --heapster-port: give one or the other")
        ip, colon, port = listen.rpartition(":")
        if not colon or not port.isascii() or not port.isdigit() or int(port) > _MAX_PORT:
            raise ConfigError(f"--listen={listen}: not IP:PORT, such as 127.0.0.1:8082 or [::1]:8082")
        return cls(_ip(f"--listen={listen}", ip.removeprefix("[").removesuffix("]")), int(port))

    @property
    def loopback(self) -> bool:
        """Whether only this machine can connect."""
        return ipaddress.ip_address(self.ip).is_loopback

    def url(self, port: int, *, tls: bool) -> str:
        """Return the server's URL with the port it listens on."""
        host = f"[{self.ip}]" if ":" in self.ip else self.ip
        return f"{'https' if tls else 'http'}://{host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Security:
    """TLS and access control; both None: plain HTTP without access control."""

    tls: ssl.SSLContext | None
    access: Access | None

    @classmethod
    def parse(
        cls,
        *,
        tls_cert: Path | None,
        tls_key: Path | None,
        tls_client_ca: Path | None,
        allowed_users: str,
        token_file: Path | None,
    ) -> Self:
        """Parse the flags of these names. Raises ConfigError: one is missing, or a file is not valid."""
        users = frozenset(filter(None, (user.strip() for user in allowed_users.split(","))))
        if (tls_cert is None) != (tls_key is None):
            raise ConfigError("--tls-cert and --tls-key must be given together")
        if tls_client_ca is not None and tls_cert is None:
            raise ConfigError("--tls-client-ca needs --tls-cert and --tls-key")
        if users and tls_client_ca is None:
            raise ConfigError("--allowed-users needs --tls-client-ca: they are names in client certificates")
        if token_file is not None and tls_client_ca is not None:
            raise ConfigError("--token-file and --tls-client-ca cannot be combined: give one of them")
        tls = None if tls_cert is None or tls_key is None else _tls(tls_cert, tls_key, tls_client_ca)
        if token_file is not None:
            return cls(tls=tls, access=ByToken(token_file))
        return cls(tls=tls, access=None if tls_client_ca is None else ByCertificate(users))


def _ip(flag: str, text: str) -> str:
    try:
        return str(ipaddress.ip_address(text or "0.0.0.0"))  # noqa: S104 - empty means all addresses, as in Heapster
    except ValueError:
        raise ConfigError(f"{flag}: {text!r} is not an IP address") from None


def _tls(cert: Path, key: Path, client_ca: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"--tls-cert={cert} --tls-key={key}: {_reason(error)}") from error
    if client_ca is not None:
        try:
            context.load_verify_locations(client_ca)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"--tls-client-ca={client_ca}: no valid certificate in it: {_reason(error)}") from error
        context.verify_mode = ssl.CERT_OPTIONAL  # a client without certificate gets a 401 instead of a failed handshake
    return context


def _no_password() -> str:
    raise ConfigError("--tls-key is encrypted: give a key without a password")


def _reason(error: OSError) -> str:
    return error.strerror or str(error)
