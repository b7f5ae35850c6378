"""Requests to one kubelet: its Summary, cadvisor's metrics and its pods, with every way they can fail told apart."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import requests
import urllib3

from runtime.error_reason import reason
from schemas.node_scrape import ApiPod
from schemas.topics import MAX_RECORD_BYTES
from scraper.cluster.login import Login
from scraper.cluster.objects import ClusterNode, pod_of
from scraper.cluster.pod_index import PodName
from scraper.cluster.wire_types import WIRE_TYPES
from scraper.kubelet.cadvisor import NotMetricsError, used_lines
from scraper.kubelet.clock_offset import offset_ns
from scraper.kubelet.deadline import Deadline, reading_until
from scraper.kubelet.endpoint import KubeletAccess, KubeletEndpoint
from scraper.kubelet.summary_index import NotADocumentError, index_summary
from scraper.kubelet.transport import Transport

log = logging.getLogger(__name__)

LARGEST_DOCUMENT_BYTES: Final = MAX_RECORD_BYTES - 1024 * 1024
"""Leaves room for what the API says about the node's pods."""

LARGEST_METRICS_BYTES: Final = 32 * 1024 * 1024
"""Of `/metrics/cadvisor`, of which little is kept."""

LARGEST_LIST_BYTES: Final = 32 * 1024 * 1024
"""Of `/pods`, of which little is kept."""

SUMMARY: Final = "/stats/summary"
CADVISOR: Final = "/metrics/cadvisor"
PODS: Final = "/pods"
CONNECT_S: Final = 3.0
_CHUNK_BYTES: Final = 65536
_SHOWN: Final = 200
_OK, _UNAUTHORIZED, _NOT_FOUND = 200, 401, 404
_REFUSED: Final = frozenset({_UNAUTHORIZED, 403})
_PLAIN: Final = {
    "Accept": "application/json, text/plain",
    "Accept-Encoding": "identity",
    "User-Agent": "heapster-stream",
}


class ScrapeError(Exception):
    """The kubelet could not be read; the message says why. Not tried again within the window."""

    def __init__(self, message: str, *, status: int | None = None, right: str = "") -> None:
        """`status` is HTTP's, if there was an answer; `right` is what one must have the right to get."""
        super().__init__(message)
        self.status = status
        self.right = right


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A kubelet's document as it came, and what was learned on the way."""

    document: bytes
    pods: frozenset[PodName]  # those it lists
    received_at_ns: int
    clock_offset_ns: int | None  # the kubelet's clock minus ours


class _Reply(NamedTuple):
    """A body that came whole, with when it was asked for and when it began to come."""

    body: bytes
    headers: Mapping[str, str]
    asked_at_ns: int
    answered_at_ns: int


class KubeletClient:
    """Asks kubelets."""

    def __init__(self, login: Login, access: KubeletAccess) -> None:
        """Over plain http no token is sent."""
        self._reach = KubeletEndpoint(login, access)
        self._transport = Transport(self._reach.server_name)

    def fetch(self, node: ClusterNode, deadline: Deadline) -> Answer:
        """The document of a node's kubelet, before the deadline. Raises ScrapeError."""
        url = f"{self._reach.url(node)}{SUMMARY}"
        reply = self._read(url, deadline, LARGEST_DOCUMENT_BYTES)
        try:
            seen = index_summary(reply.body)
        except NotADocumentError as error:
            raise ScrapeError(f"{url}: the answer cannot be used: {error}: {_beginning(reply.body)}") from error
        clock_offset_ns = offset_ns(
            date=reply.headers.get("Date"),
            sampled_at_ns=seen.sampled_at_ns,
            ours_ns=(reply.asked_at_ns + reply.answered_at_ns) // 2,
        )
        return Answer(
            document=reply.body, pods=seen.pods, received_at_ns=time.time_ns(), clock_offset_ns=clock_offset_ns
        )

    def cadvisor(self, node: ClusterNode, deadline: Deadline, room_bytes: int) -> bytes:
        """The lines of its `/metrics/cadvisor` that are used. Raises ScrapeError, also if there is no room for them."""
        url = f"{self._reach.url(node)}{CADVISOR}"
        reply = self._read(url, deadline, LARGEST_METRICS_BYTES)
        try:
            lines = used_lines(reply.body)
        except NotMetricsError as error:
            raise ScrapeError(f"{url}: the answer cannot be used: {error}: {_beginning(reply.body)}") from error
        if len(lines) > room_bytes:
            raise ScrapeError(f"{url}: {len(lines)} bytes of it are used, {room_bytes} can be kept beside the Summary")
        return lines

    def pods(self, node: ClusterNode, deadline: Deadline) -> tuple[ApiPod, ...]:
        """The pods that it lists as the Kubernetes API does. Raises ScrapeError."""
        url = f"{self._reach.url(node)}{PODS}"
        reply = self._read(url, deadline, LARGEST_LIST_BYTES)
        try:
            items = WIRE_TYPES["pods"].page(reply.body).get("items") or ()
        except ValueError as error:
            raise ScrapeError(f"{url}: the answer cannot be used: {error}: {_beginning(reply.body)}") from error
        return tuple(replace(pod_of(item), node=node.name) for item in items)

    def _read(self, url: str, deadline: Deadline, largest_bytes: int) -> _Reply:
        timeout_s = deadline.left_s()
        if timeout_s <= 0:
            raise ScrapeError(f"{url}: not asked: the round was over before its turn came")
        try:
            with reading_until(deadline):
                return self._ask(url, timeout_s, largest_bytes)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, requests.exceptions.SSLError):
                self._reach.refused()
            late = deadline.left_s() <= 0
            raise ScrapeError(
                f"{url}: {f'no complete answer within {timeout_s:.1f} s' if late else reason(error)}"
            ) from error

    def _ask(self, url: str, timeout_s: float, largest_bytes: int) -> _Reply:
        headers = {**_PLAIN, **self._reach.authorization(url)}
        timeouts_s = min(CONNECT_S, timeout_s), timeout_s
        asked_at_ns = time.time_ns()
        with self._transport.get(url, headers, self._reach.trust(), timeouts_s=timeouts_s) as answer:
            answered_at_ns = time.time_ns()
            body = _body(answer, url, largest_bytes)
        if answer.status_code != _OK:
            if answer.status_code == _UNAUTHORIZED:
                self._reach.refused()
            message = f"{url}: {self._refusal(url, answer.status_code, body)}"
            raise ScrapeError(message, status=answer.status_code, right=self._reach.right(url))
        return _Reply(body, answer.headers, asked_at_ns, answered_at_ns)

    def _refusal(self, url: str, status: int, body: bytes) -> str:
        shown = _beginning(body)
        if status in _REFUSED:
            right = self._reach.right(url)
            return f"HTTP {status}: the scraper is not let in, it needs the right to get {right}: {shown}"
        if status == _NOT_FOUND:
            return f"HTTP {status}: not found: this may not be the kubelet's port: {shown}"
        return f"HTTP {status}: {shown}"


def _body(answer: requests.Response, url: str, largest_bytes: int) -> bytes:
    """In one piece if the kubelet has said how large it is."""
    announced_bytes = answer.raw.length_remaining
    if announced_bytes is not None and announced_bytes > largest_bytes:
        raise _too_large(url, str(announced_bytes), largest_bytes)
    pieces: list[bytes] = []
    size_bytes = 0
    for piece in answer.iter_content(announced_bytes or _CHUNK_BYTES):
        pieces.append(piece)
        size_bytes += len(piece)
        if size_bytes > largest_bytes:
            raise _too_large(url, f"more than {size_bytes}", largest_bytes)
    return b"".join(pieces)


def _too_large(url: str, size: str, largest_bytes: int) -> ScrapeError:
    return ScrapeError(f"{url}: the document is too large: {size} bytes, {largest_bytes} can be kept")


def _beginning(body: bytes) -> str:
    return body[:_SHOWN].decode("utf-8", "replace").strip()
