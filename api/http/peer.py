"""Peer: whose certificate a connection was made with, which uvicorn does not tell."""

from typing import Final

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION: Final = "heapster_stream.peer"


class PeerProtocol(HttpToolsProtocol):
    """HTTP as uvicorn speaks it; every request knows its peer's certificate."""

    def on_message_begin(self) -> None:
        """Put the certificate's common name where `common_name` finds it."""
        super().on_message_begin()
        certificate = self.transport.get_extra_info("peercert") or {}
        names = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
        if certificate:
            self.scope["extensions"] = {EXTENSION: {"common_name": names[-1] if names else ""}}


def common_name(scope: Scope) -> str | None:
    """The common name in the peer's verified certificate, empty if it has none; None: there is no certificate."""
    peer = (scope.get("extensions") or {}).get(EXTENSION)
    return None if peer is None else peer["common_name"]
