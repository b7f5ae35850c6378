"""Every answer of Heapster's that was recorded, against ours from the same documents."""

import json
from collections.abc import Iterable
from functools import cache
from math import trunc
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import application
from api.columns import pack
from api.status import Served
from api.store import Store
from schemas.metric_batch import MetricBatch
from tests.scrapes import time_ns
from tests.unit.test_golden import BASIC, UPTIME_OFF_MS, basic_batches, read

SECOND_NS = 1_000_000_000
BASIC_END, NR131_END = time_ns("2024-01-01T00:00:40Z"), time_ns("2025-11-04T19:18:00Z")


def client(windows: Iterable[Iterable[MetricBatch]], end_ns: int) -> TestClient:
    now_ns = end_ns + 10 * SECOND_NS
    store = Store()
    for batches in windows:
        for batch in batches:
            assert store.put(pack(batch), now_ns)
    return TestClient(application(store, Served(), lambda: now_ns), follow_redirects=False)


@cache
def basic() -> TestClient:
    return client(basic_batches(), BASIC_END)


@cache
def recorded() -> dict[str, Any]:
    answers: dict[str, Any] = read(BASIC / "heapster" / "api.json")
    return answers


def without_floats(answer: Any) -> Any:
    """Our answer without what Heapster's type declares and never fills: the value of a float metric, as it is."""
    if isinstance(answer, dict):
        if "floatValue" in answer:
            assert answer["value"] == max(0, trunc(answer["floatValue"]))
        return {name: without_floats(value) for name, value in answer.items() if name != "floatValue"}
    return [without_floats(each) for each in answer] if isinstance(answer, list) else answer


def body_of(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


MODEL = sorted(path for path in recorded() if path.startswith("/api/v1/model"))


def differing(path: str, status: int, text: str) -> Any:
    expected = recorded()[path]
    body = without_floats(body_of(text))
    if isinstance(body, list):
        body, expected = sorted(body, key=str), {**expected, "body": sorted(expected["body"], key=str)}
    if "/uptime" in path:  # Heapster's own clock while it decodes: see test_golden
        for ours, theirs in zip(body["metrics"], expected["body"]["metrics"], strict=True):
            assert abs(ours.pop("value") - theirs["value"]) <= UPTIME_OFF_MS
            expected = {**expected, "body": json.loads(json.dumps(expected["body"]))}
        for theirs in expected["body"]["metrics"]:
            del theirs["value"]
    return None if (status, body) == (expected["status"], expected["body"]) else (status, body, expected)


@pytest.mark.parametrize("path", MODEL)
def test_model(path: str) -> None:
    answer = basic().get(path)
    assert differing(path, answer.status_code, answer.text) is None
