"""Requests to one kubelet: Summary, cAdvisor metrics and pods. Every failure becomes a `ScrapeError` with a reason."""

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

MAX_DOCUMENT_BYTES: Final = MAX_RECORD_BYTES - 1024 * 1024
"""Leaves room in the record for the API objects of the node."""

MAX_CADVISOR_BYTES: Final = 32 * 1024 * 1024
"""Limit of a `/metrics/cadvisor` response, of which little is kept."""

MAX_POD_LIST_BYTES: Final = 32 * 1024 * 1024
"""Limit of a `/pods` response, of which little is kept."""

SUMMARY: Final = "/stats/summary"
CADVISOR: Final = "/metrics/cadvisor"
PODS: Final = "/pods"
CONNECT_TIMEOUT_S: Final = 3.0
_CHUNK_BYTES: Final = 65536
_EXCERPT_BYTES: Final = 200  # shown of a response in messages
_OK, _UNAUTHORIZED, _NOT_FOUND = 200, 401, 404
_DENIED: Final = frozenset({_UNAUTHORIZED, 403})
_HEADERS: Final = {
    "Accept": "application/json, text/plain",
    "Accept-Encoding": "identity",
    "User-Agent": "heapster-stream",
}


class ScrapeError(Exception):
    """A request to a kubelet failed, for the reason in the message. It is not repeated within the window."""

    def __init__(self, message: str, *, status: int | None = None, rbac_resource: str = "") -> None:
        """`status` is the HTTP status, None without a response; `rbac_resource` needs the verb `get`."""
        super().__init__(message)
        self.status = status
        self.rbac_resource = rbac_resource


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryResponse:
    """A kubelet's Summary, unchanged, with the values derived from the response."""

    document: bytes
    pods: frozenset[PodName]  # listed in the document
    received_at_ns: int
    clock_offset_ns: int | None  # the kubelet's clock minus the scraper's; None: unknown


class _Response(NamedTuple):
    """A complete response, with the times of the request and of the response headers."""

    body: bytes
    headers: Mapping[str, str]
    requested_at_ns: int
    answered_at_ns: int


class KubeletClient:
    """Client for all kubelets of a cluster."""

    def __init__(self, login: Login, access: KubeletAccess) -> None:
        """Use these credentials; over plain http no token is sent."""
        self._endpoint = KubeletEndpoint(login, access)
        self._transport = Transport(self._endpoint.server_name)

    def summary(self, node: ClusterNode, deadline: Deadline) -> SummaryResponse:
        """Get the Summary of a node. Raises ScrapeError, also after the deadline."""
        url = f"{self._endpoint.url(node)}{SUMMARY}"
        response = self._read(url, deadline, MAX_DOCUMENT_BYTES)
        try:
            index = index_summary(response.body)
        except NotADocumentError as error:
            raise ScrapeError(f"{url}: invalid response: {error}: {_excerpt(response.body)}") from error
        clock_offset_ns = offset_ns(
            date=response.headers.get("Date"),
            sampled_at_ns=index.sampled_at_ns,
            local_ns=(response.requested_at_ns + response.answered_at_ns) // 2,
        )
        return SummaryResponse(
            document=response.body, pods=index.pods, received_at_ns=time.time_ns(), clock_offset_ns=clock_offset_ns
        )

    def cadvisor(self, node: ClusterNode, deadline: Deadline, room_bytes: int) -> bytes:
        """Get the used lines of `/metrics/cadvisor`. Raises ScrapeError, also if they exceed `room_bytes`."""
        url = f"{self._endpoint.url(node)}{CADVISOR}"
        response = self._read(url, deadline, MAX_CADVISOR_BYTES)
        try:
            lines = used_lines(response.body)
        except NotMetricsError as error:
            raise ScrapeError(f"{url}: invalid response: {error}: {_excerpt(response.body)}") from error
        if len(lines) > room_bytes:
            raise ScrapeError(
                f"{url}: {len(lines)} bytes to keep, but the Summary leaves only {room_bytes} in the record"
            )
        return lines

    def pods(self, node: ClusterNode, deadline: Deadline) -> tuple[ApiPod, ...]:
        """Get the pods of a node, in the format of the Kubernetes API. Raises ScrapeError."""
        url = f"{self._endpoint.url(node)}{PODS}"
        response = self._read(url, deadline, MAX_POD_LIST_BYTES)
        try:
            items = WIRE_TYPES["pods"].page(response.body).get("items") or ()
        except ValueError as error:
            raise ScrapeError(f"{url}: invalid response: {error}: {_excerpt(response.body)}") from error
        return tuple(replace(pod_of(item), node=node.name) for item in items)

    def _read(self, url: str, deadline: Deadline, max_bytes: int) -> _Response:
        timeout_s = deadline.left_s()
        if timeout_s <= 0:
            raise ScrapeError(f"{url}: not requested: the scrape round ended before this node's turn")
        try:
            with reading_until(deadline):
                return self._request(url, timeout_s, max_bytes)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            if isinstance(error, requests.exceptions.SSLError):
                self._endpoint.credentials_rejected()
            late = deadline.left_s() <= 0
            raise ScrapeError(
                f"{url}: {f'no complete answer within {timeout_s:.1f} s' if late else reason(error)}"
            ) from error

    def _request(self, url: str, timeout_s: float, max_bytes: int) -> _Response:
        headers = {**_HEADERS, **self._endpoint.authorization(url)}
        timeouts_s = min(CONNECT_TIMEOUT_S, timeout_s), timeout_s
        requested_at_ns = time.time_ns()
        with self._transport.get(url, headers, self._endpoint.trust(), timeouts_s=timeouts_s) as response:
            answered_at_ns = time.time_ns()
            body = _body(response, url, max_bytes)
        if response.status_code != _OK:
            if response.status_code == _UNAUTHORIZED:
                self._endpoint.credentials_rejected()
            message = f"{url}: {self._error_message(url, response.status_code, body)}"
            raise ScrapeError(message, status=response.status_code, rbac_resource=self._endpoint.rbac_resource(url))
        return _Response(body, response.headers, requested_at_ns, answered_at_ns)

    def _error_message(self, url: str, status: int, body: bytes) -> str:
        excerpt = _excerpt(body)
        if status in _DENIED:
            resource = self._endpoint.rbac_resource(url)
            return f"HTTP {status}: access denied, the scraper needs the RBAC verb get on {resource}: {excerpt}"
        if status == _NOT_FOUND:
            return f"HTTP {status}: not found, this may not be the kubelet's port: {excerpt}"
        return f"HTTP {status}: {excerpt}"


def _body(response: requests.Response, url: str, max_bytes: int) -> bytes:
    """Read the body, with a single read if the kubelet announces its size."""
    announced_bytes = response.raw.length_remaining
    if announced_bytes is not None and announced_bytes > max_bytes:
        raise _too_large(url, str(announced_bytes), max_bytes)
    chunks: list[bytes] = []
    size_bytes = 0
    for chunk in response.iter_content(announced_bytes or _CHUNK_BYTES):
        chunks.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > max_bytes:
            raise _too_large(url, f"more than {size_bytes}", max_bytes)
    return b"".join(chunks)


def _too_large(url: str, size: str, max_bytes: int) -> ScrapeError:
    return ScrapeError(f"{url}: the response is too large: {size} bytes, the limit is {max_bytes}")


def _excerpt(body: bytes) -> str:
    return body[:_EXCERPT_BYTES].decode("utf-8", "replace").strip()
