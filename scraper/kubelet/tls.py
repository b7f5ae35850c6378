"""TLS contexts that connections share: one of its own costs each of them the certificates, read and kept once more.

With the system's authorities, which urllib3 reads also where none is asked for, that was 0.8 MB and 20 ms of CPU a
kubelet (docs/performance.md, 3).
"""

import threading
from functools import lru_cache
from pathlib import Path
from ssl import CERT_REQUIRED, SSLContext
from typing import Final, NamedTuple

from urllib3.exceptions import SSLError
from urllib3.util.ssl_ import ALPN_PROTOCOLS, create_urllib3_context

_CONTEXTS_KEPT: Final = 4
_making: Final = threading.Lock()


class TlsFiles(NamedTuple):
    """What a connection is to be secured with; paths."""

    verify_mode: int  # CERT_REQUIRED, CERT_NONE: any certificate will do
    ca: str | None
    ca_folder: str | None
    certificate: str | None  # ours
    key: str | None


class _Version(NamedTuple):
    """Of a file, or of a folder as files come and go. A copy that keeps the time of modification changes it too."""

    inode: int
    changed_ns: int
    size_bytes: int


def shared_context(files: TlsFiles) -> SSLContext:
    """For a new connection: the same one until a file has changed.

    Raises:
        SSLError, OSError: a file cannot be read or used.
    """
    paths = files.ca, files.ca_folder, files.certificate, files.key
    versions = tuple(_version(path) for path in paths if path)
    with _making:  # or the connections of a round that are opened at once would make one each
        return _context(files, versions)


@lru_cache(_CONTEXTS_KEPT)
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
    # urllib3 sets them again for each connection: memory that a handshake in another thread may just be reading
    # (https://github.com/python/cpython/issues/141012)
    context.set_alpn_protocols = _already_set  # type: ignore[assignment, method-assign] # of one object
    return context


def _version(path: str) -> _Version | None:
    try:
        found = Path(path).stat()
    except OSError:  # whoever reads it will say so
        return None
    return _Version(found.st_ino, found.st_ctime_ns, found.st_size)


def _no_password() -> str:
    """Instead of a question on the terminal."""
    raise SSLError("Client private key is encrypted, password is required")


def _already_set(_protocols: object) -> None:
    return
