"""Figures about the api itself: those that Heapster had, by their names there."""

import pytest
from prometheus_client import REGISTRY
from starlette.types import Scope

from api.telemetry import request_size
from tests.asked import Asked
from tests.unit.api.store.test_store import NOW, node
from tests.unit.api.test_http import application_of


def sample(name: str, handler: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, {"handler": handler, **labels}) or 0.0


@pytest.mark.parametrize(
    ("path", "handler", "code"),
    [
        ("/api/v1/model/nodes", "model", "200"),
        ("/apis/metrics.k8s.io/v1beta1/nodes", "metrics", "200"),
        ("/api/v1/metric-export", "export", "200"),
        ("/healthz", "healthz", "200"),
        ("/metrics", "prometheus", "200"),
        ("/api/v1/model/nope", "model", "404"),
        ("/nope", "other", "404"),
    ],
)
def test_each_request_is_counted_timed_and_measured(path: str, handler: str, code: str) -> None:
    client = Asked(application_of(node(NOW)))
    counted = {"method": "GET", "code": code}
    names = ("http_request_duration_microseconds", "http_request_size_bytes", "http_response_size_bytes")
    before = [sample("http_requests_total", handler, **counted), *(sample(f"{name}_count", handler) for name in names)]
    sent_before = sample("http_response_size_bytes_sum", handler)
    asked_before = sample("http_request_size_bytes_sum", handler)
    answer = client.get(path, headers={"Accept-Encoding": "identity"})
    after = [sample("http_requests_total", handler, **counted), *(sample(f"{name}_count", handler) for name in names)]
    assert [now - then for now, then in zip(after, before, strict=True)] == [1, 1, 1, 1]
    assert sample("http_response_size_bytes_sum", handler) - sent_before == len(answer.content)
    assert sample("http_request_size_bytes_sum", handler) - asked_before > len(path)


@pytest.mark.parametrize(
    ("scope", "size"),
    [
        ({"raw_path": b"/a%2Fb", "query_string": b"", "headers": []}, len("GET/a%2FbHTTP/1.1")),
        ({"raw_path": b"/a", "query_string": b"b=c", "headers": []}, len("GET/a?b=cHTTP/1.1")),
        ({"raw_path": b"/a", "query_string": b"", "headers": [(b"host", b"here")]}, len("GET/aHTTP/1.1hosthere")),
        (
            {"raw_path": b"/a", "query_string": b"", "headers": [(b"content-length", b"100")]},
            len("GET/aHTTP/1.1content-length100") + 100,
        ),
    ],
)
def test_the_size_of_a_request(scope: Scope, size: int) -> None:
    assert request_size({"method": "GET", "http_version": "1.1", **scope}) == size
