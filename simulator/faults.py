"""What may be wrong with a kubelet, for tests: set `kubelet.fault` while it runs."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import orjson

_TIMES: Final = frozenset({"time", "startTime"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """How a kubelet answers instead of well."""

    status: int | None = None  # an error, as 401, 404 or 500
    body: bytes | None = None  # this body, as malformed JSON
    hang: bool = False  # take the request and never answer
    cut: bool = False  # close the connection in the middle of the body
    delay_s: float = 0.0  # answer well, but so late
    pods_status: int | None = None  # an error of /pods alone
    cadvisor_status: int | None = None  # an error of /metrics/cadvisor alone
    cadvisor_hang: bool = False  # never answer that one
    clock_offset_s: int = 0  # the kubelet's clock is ahead by so much: Date header and all times in the document


HEALTHY: Final = Fault()
MALFORMED: Final = Fault(body=b'{"node":{"nodeName":')


def shifted(document: bytes, offset_s: int) -> bytes:
    """A statistics document with all its times moved."""
    return orjson.dumps(_shifted(orjson.loads(document), timedelta(seconds=offset_s)))


def _shifted(value: object, offset: timedelta) -> object:
    if isinstance(value, list):
        return [_shifted(item, offset) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _moved(item, offset) if name in _TIMES and isinstance(item, str) else _shifted(item, offset)
        for name, item in value.items()
    }


def _moved(time: str, offset: timedelta) -> str:
    return (datetime.fromisoformat(time) + offset).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
