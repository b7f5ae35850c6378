"""The client certificate of a connection, which uvicorn does not pass on."""

from typing import Final

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

EXTENSION: Final = "heapster_stream.peer"


class PeerProtocol(HttpToolsProtocol):
    """uvicorn's HTTP protocol; adds the client certificate's name to every request."""

    def on_message_begin(self) -> None:
        """Store the certificate's common name in the request's scope."""
        super().on_message_begin()
        certificate = self.transport.get_extra_info("peercert") or {}
        names = [value for part in certificate.get("subject", ()) for name, value in part if name == "commonName"]
        if certificate:
            self.scope["extensions"] = {EXTENSION: {"common_name": names[-1] if names else ""}}


def common_name(scope: Scope) -> str | None:
    """Return the common name of the verified client certificate, empty if it has none; None without a certificate."""
    peer = (scope.get("extensions") or {}).get(EXTENSION)
    return None if peer is None else peer["common_name"]
