"""One request to one kubelet: `GET /stats/summary`, with every way it can fail told apart."""

import logging
import time
from dataclasses import dataclass
from typing import Final

import requests
import urllib3
from kubernetes import client
from urllib3.exceptions import IncompleteRead

from schemas.topics import MAX_RECORD_BYTES
from scraper.clocks import offset_ns
from scraper.deadline import Deadline, DeadlineAdapter, reading_until
from scraper.document import NotADocumentError, overview
from scraper.snapshot import PodName

log = logging.getLogger(__name__)

LARGEST_DOCUMENT_BYTES: Final = MAX_RECORD_BYTES - 1024 * 1024
"""Leaves room for what the API says about the node's pods."""

CONNECT_S: Final = 3.0
_KUBELETS_REMEMBERED: Final = 2048
_CHUNK_BYTES: Final = 65536
_SHOWN: Final = 200
_OK, _NOT_FOUND = 200, 404
_REFUSED: Final = frozenset({401, 403})


class ScrapeError(Exception):
    """The kubelet could not be read; the message says why. Not tried again within the window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A kubelet's document as it came, and what was learned on the way."""

    document: bytes
    pods: frozenset[PodName]  # those it lists
    received_at_ns: int
    clock_offset_ns: int | None  # the kubelet's clock minus ours


class KubeletClient:
    """Asks kubelets, with the credentials that the API client has too."""

    def __init__(self, api: client.Configuration, *, https: bool) -> None:
        """Over plain http no token is sent."""
        self._api = api
        self._scheme = "https" if https else "http"
        self._session = requests.Session()
        self._session.mount(f"{self._scheme}://", DeadlineAdapter(pool_connections=_KUBELETS_REMEMBERED))
        # given with each request, or else the environment's would be taken
        self._verify: str | bool = (api.ssl_ca_cert or False) if api.verify_ssl else False
        if https and self._verify is False:
            log.warning("the certificates of kubelets are not verified: there is no CA, or insecure=true")
        self._certificate = (api.cert_file, api.key_file) if https and api.cert_file and api.key_file else None

    def fetch(self, address: str, port: int, deadline: Deadline) -> Answer:
        """The document of the kubelet there, before the deadline. Raises ScrapeError."""
        url = self._url(address, port)
        timeout_s = deadline.left_s()
        if timeout_s <= 0:
            raise ScrapeError(f"{url}: not asked: the round was over before its turn came")
        try:
            with reading_until(deadline):
                return self._fetch(url, timeout_s)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            late = deadline.left_s() <= 0
            reason = f"no complete answer within {timeout_s:.1f} s" if late else _reason(error)
            raise ScrapeError(f"{url}: {reason}") from error

    def _url(self, address: str, port: int) -> str:
        host = f"[{address}]" if ":" in address else address
        return f"{self._scheme}://{host}:{port}/stats/summary"

    def _fetch(self, url: str, timeout_s: float) -> Answer:
        began_ns = time.time_ns()
        with self._session.get(
            url,
            headers=self._headers(),
            timeout=(min(CONNECT_S, timeout_s), timeout_s),
            stream=True,
            allow_redirects=False,
            verify=self._verify,
            cert=self._certificate,
        ) as answer:
            answered_ns = time.time_ns()
            document = _body(answer, url)
        if answer.status_code != _OK:
            raise ScrapeError(f"{url}: {_refusal(answer.status_code, document)}")
        try:
            seen = overview(document)
        except NotADocumentError as error:
            raise ScrapeError(f"{url}: the answer cannot be used: {error}: {_beginning(document)}") from error
        clock_offset_ns = offset_ns(
            date=answer.headers.get("Date"), sampled_at_ns=seen.sampled_at_ns, ours_ns=(began_ns + answered_ns) // 2
        )
        return Answer(document=document, pods=seen.pods, received_at_ns=time.time_ns(), clock_offset_ns=clock_offset_ns)

    def _headers(self) -> dict[str, str]:
        plain = {"Accept": "application/json", "Accept-Encoding": "identity"}
        bearer = self._api.auth_settings().get("BearerToken") if self._scheme == "https" else None
        token = bearer["value"] if bearer else None
        return plain | {"Authorization": token} if token else plain


def _body(answer: requests.Response, url: str) -> bytes:
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        body += chunk
        if len(body) > LARGEST_DOCUMENT_BYTES:
            size = answer.headers.get("Content-Length", f"more than {len(body)}")
            raise ScrapeError(f"{url}: the document is too large: {size} bytes, {LARGEST_DOCUMENT_BYTES} can be kept")
    return bytes(body)


def _refusal(status: int, body: bytes) -> str:
    shown = _beginning(body)
    if status in _REFUSED:
        return (
            f"HTTP {status}: the kubelet does not let the scraper in, which needs the right to get nodes/stats: {shown}"
        )
    if status == _NOT_FOUND:
        return f"HTTP {status}: not found: this may not be the kubelet's port: {shown}"
    return f"HTTP {status}: {shown}"


def _beginning(body: bytes) -> str:
    return body[:_SHOWN].decode("utf-8", "replace").strip()


def _reason(error: BaseException) -> str:
    """What the innermost cause says: the outer ones repeat the URL and name objects."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, IncompleteRead):
            return f"the connection was cut: {found.partial} bytes came, {found.expected} more were to come"
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        inner = found.__cause__ or found.__context__ or getattr(found, "reason", None)
        if not isinstance(inner, BaseException):
            break
        found = inner
    return f"{type(found).__name__}: {found}"[: 2 * _SHOWN]
