"""TLS contexts shared by connections, so that certificates are read and kept in memory only once.

A context per connection costs 0.8 MB and 20 ms of CPU per kubelet, because urllib3 always loads the system's CAs
(docs/optimizations.md).
"""

import threading
from functools import lru_cache
from pathlib import Path
from ssl import CERT_REQUIRED, SSLContext
from typing import Final, NamedTuple

from urllib3.exceptions import SSLError
from urllib3.util.ssl_ import ALPN_PROTOCOLS, create_urllib3_context

_MAX_CONTEXTS: Final = 4
_lock: Final = threading.Lock()


class TlsFiles(NamedTuple):
    """The verification mode of a connection and the paths of its files."""

    verify_mode: int  # ssl.CERT_REQUIRED, or ssl.CERT_NONE to accept any certificate
    ca: str | None
    ca_folder: str | None
    certificate: str | None  # client certificate
    key: str | None


class _Version(NamedTuple):
    """Version of a file or folder. The inode change time also detects a copy that keeps the modification time."""

    inode: int
    changed_ns: int
    size_bytes: int


def shared_context(files: TlsFiles) -> SSLContext:
    """The context for a new connection; the same object until a file changes.

    Raises:
        SSLError, OSError: a file cannot be read or used.
    """
    paths = files.ca, files.ca_folder, files.certificate, files.key
    versions = tuple(_version(path) for path in paths if path)
    with _lock:  # otherwise each of the connections opened at the same time would create one
        return _context(files, versions)


@lru_cache(_MAX_CONTEXTS)
def _context(files: TlsFiles, _versions: tuple[_Version | None, ...]) -> SSLContext:
    context = create_urllib3_context(cert_reqs=files.verify_mode)
    if files.verify_mode == CERT_REQUIRED:
        try:
            context.load_verify_locations(files.ca, files.ca_folder)
        except OSError as error:
            raise SSLError(error) from error
    if files.certificate:
        context.load_cert_chain(files.certificate, files.key, password=_no_password)
    context.set_alpn_protocols(ALPN_PROTOCOLS)
    # urllib3 sets them for each connection, in memory that the handshake of another thread may be reading
    # (https://github.com/python/cpython/issues/141012)
    context.set_alpn_protocols = _do_nothing  # type: ignore[assignment, method-assign] # on this object only
    return context


def _version(path: str) -> _Version | None:
    try:
        found = Path(path).stat()
    except OSError:  # reported when the context reads it
        return None
    return _Version(found.st_ino, found.st_ctime_ns, found.st_size)


def _no_password() -> str:
    """Fail instead of asking on the terminal."""
    raise SSLError("Client private key is encrypted, password is required")


def _do_nothing(_protocols: object) -> None:
    return
