"""One request to one kubelet: `GET /stats/summary`, with every way it can fail told apart."""

import email.utils
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson
import requests
from kubernetes import client

from runtime.duration import NS_PER_S
from schemas.topics import MAX_RECORD_BYTES

LARGEST_DOCUMENT_BYTES: Final = MAX_RECORD_BYTES - 1024 * 1024
"""Leaves room for what the API says about the node's pods."""

_CONNECT_S: Final = 5.0
_CHUNK_BYTES: Final = 65536
_SHOWN_BYTES: Final = 200


class ScrapeError(Exception):
    """The kubelet could not be read; the message says why. Not tried again within the window."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A kubelet's document as it came, and what was learned on the way."""

    document: bytes
    pods: frozenset[tuple[str, str]]  # namespace and name of those it lists
    received_at_ns: int
    clock_offset_ns: int | None = field(default=None)  # the kubelet's clock minus ours


class KubeletClient:
    """Asks kubelets with the credentials that the API client has too."""

    def __init__(self, api: client.Configuration, *, https: bool) -> None:
        """Over plain http no token is sent."""
        self._api = api
        self._scheme = "https" if https else "http"
        self._session = requests.Session()
        self._session.mount(f"{self._scheme}://", requests.adapters.HTTPAdapter(pool_connections=512, pool_maxsize=4))
        self._session.verify = api.ssl_ca_cert or False if https else True
        if not api.verify_ssl:
            self._session.verify = False
        if https and api.cert_file:
            self._session.cert = (api.cert_file, api.key_file) if api.key_file else api.cert_file

    def fetch(self, address: str, port: int, timeout_s: float) -> Answer:
        """The document of the kubelet there, within that time. Raises ScrapeError."""
        host = f"[{address}]" if ":" in address else address
        url = f"{self._scheme}://{host}:{port}/stats/summary"
        if timeout_s <= 0:
            raise ScrapeError(f"{url}: not asked: the round was over before its turn came")
        began_ns, ends_at = time.time_ns(), time.monotonic() + timeout_s
        try:
            with self._session.get(
                url,
                headers=self._headers(),
                timeout=(min(_CONNECT_S, timeout_s), timeout_s),
                stream=True,
                allow_redirects=False,
            ) as answer:
                answered_ns = time.time_ns()
                document = _body(answer, url, ends_at, timeout_s)
        except requests.Timeout as error:
            raise ScrapeError(f"{url}: no answer within {timeout_s:.1f} s") from error
        except (requests.RequestException, OSError) as error:
            raise ScrapeError(f"{url}: {_reason(error)}") from error
        if answer.status_code != 200:  # noqa: PLR2004 - OK
            raise ScrapeError(_refusal(url, answer.status_code, document))
        parsed = _parsed(document, url)
        offset_ns = clock_offset_ns(answer.headers, (began_ns + answered_ns) // 2)
        return Answer(document, _listed(parsed), time.time_ns(), offset_ns)

    def _headers(self) -> dict[str, str]:
        if self._scheme == "http":
            return {}
        setting = self._api.auth_settings().get("BearerToken")
        return {"Authorization": str(setting["value"])} if setting else {}


def clock_offset_ns(headers: Mapping[str, str], middle_ns: int) -> int | None:
    """The kubelet's clock minus ours from its Date header, which has whole seconds; None without one.

    `middle_ns` is our time half way between request and answer.
    """
    try:
        date = email.utils.parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return int(date.timestamp()) * NS_PER_S + NS_PER_S // 2 - middle_ns


def _body(answer: requests.Response, url: str, ends_at: float, timeout_s: float) -> bytes:
    """All of it; a kubelet that drips it out is not waited for longer than one that is silent."""
    body = bytearray()
    for chunk in answer.iter_content(_CHUNK_BYTES):
        body += chunk
        if time.monotonic() > ends_at:
            raise ScrapeError(f"{url}: no complete answer within {timeout_s:.1f} s, {len(body)} bytes came")
        if len(body) > LARGEST_DOCUMENT_BYTES:
            raise ScrapeError(
                f"{url}: the document is larger than {LARGEST_DOCUMENT_BYTES} bytes, what a record may hold"
            )
    return bytes(body)


def _refusal(url: str, status: int, body: bytes) -> str:
    shown = body[:_SHOWN_BYTES].decode("utf-8", "replace").strip()
    if status in {401, 403}:
        return f"{url}: HTTP {status}: the kubelet does not let us in, the right to get nodes/stats is needed: {shown}"
    if status == 404:  # noqa: PLR2004 - not found
        return f"{url}: HTTP 404: not found: is this the kubelet's port? {shown}"
    return f"{url}: HTTP {status}: {shown}"


def _parsed(document: bytes, url: str) -> object:
    """The JSON; what the processor can still make use of passes here too (as NaN)."""
    try:
        return orjson.loads(document)
    except ValueError:
        try:
            return json.loads(document)
        except (ValueError, RecursionError) as error:
            shown = document[:_SHOWN_BYTES].decode("utf-8", "replace")
            raise ScrapeError(f"{url}: the answer is not JSON: {error}: {shown}") from error


def _listed(parsed: object) -> frozenset[tuple[str, str]]:
    pods: Any = parsed.get("pods") if isinstance(parsed, dict) else None
    references = [pod.get("podRef") for pod in pods if isinstance(pod, dict)] if isinstance(pods, list) else []
    return frozenset(
        (reference["namespace"], reference["name"])
        for reference in references
        if isinstance(reference, dict)
        and isinstance(reference.get("namespace"), str)
        and isinstance(reference.get("name"), str)
    )


def _reason(error: Exception) -> str:
    text = str(error)
    return text if len(text) <= 2 * _SHOWN_BYTES else text[: 2 * _SHOWN_BYTES] + "…"
