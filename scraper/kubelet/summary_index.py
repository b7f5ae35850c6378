"""The parts of a kubelet's Summary that the scraper reads: the pods it lists and the time of the node's samples.

All other fields are checked to be JSON but not decoded. Deviations that the processor tolerates, such as NaN, pass.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, Final, NamedTuple, TypedDict

import msgspec

from schemas.kubelet_json import parse_json
from scraper.cluster.pod_index import PodName

_SAMPLED: Final = ("cpu", "memory", "network")


class SummaryIndex(NamedTuple):
    """The pods and the sample time of a Summary."""

    pods: frozenset[PodName]  # listed in the Summary
    sampled_at_ns: int | None  # newest sample of the node, kubelet's clock, whole seconds; None: no sample


class _Sample(TypedDict, total=False):
    time: Any


class _Node(TypedDict, total=False):
    cpu: _Sample | None
    memory: _Sample | None
    network: _Sample | None


class _Reference(TypedDict, total=False):
    namespace: Any
    name: Any


class _Pod(TypedDict, total=False):
    podRef: _Reference | None


class _Summary(TypedDict, total=False):
    node: _Node | None
    pods: list[_Pod] | None


_SUMMARY: Final = msgspec.json.Decoder(_Summary)


class NotADocumentError(ValueError):
    """No kubelet answers so; the message says what is wrong."""


def index_summary(document: bytes) -> SummaryIndex:
    """Of a document. Raises NotADocumentError: it is no JSON object."""
    parsed = _parsed(document)
    if parsed is None:
        return SummaryIndex(frozenset(), None)
    if not isinstance(parsed, dict):
        raise NotADocumentError(f"a JSON object is expected, not {type(parsed).__name__}")
    return SummaryIndex(frozenset(_listed(parsed.get("pods"))), _sampled_at_ns(parsed.get("node")))


def _parsed(document: bytes) -> object:
    """Parse only the fields that are used; all of a document that does not fit the types."""
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _SUMMARY.decode(document)
    try:
        return parse_json(document).value
    except ValueError as error:
        raise NotADocumentError(str(error)) from error


def _listed(pods: object) -> Iterator[PodName]:
    for pod in pods if isinstance(pods, list) else ():
        reference = pod.get("podRef") if isinstance(pod, dict) else None
        if isinstance(reference, dict):
            namespace, name = reference.get("namespace"), reference.get("name")
            if isinstance(namespace, str) and isinstance(name, str):
                yield namespace, name


def _sampled_at_ns(node: object) -> int | None:
    if not isinstance(node, dict):
        return None
    samples = (node.get(name) for name in _SAMPLED)
    times = (_time_ns(sample.get("time")) for sample in samples if isinstance(sample, dict))
    return max((time for time in times if time), default=None)


def _time_ns(text: object) -> int | None:
    try:
        return int(datetime.fromisoformat(str(text)).timestamp()) * 1_000_000_000
    except (ValueError, OverflowError):
        return None
