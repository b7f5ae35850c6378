"""What every route has in common: paths, methods, what is accepted, compression; and health over HTTP."""

import gzip
import zlib

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.app import Choices, application
from api.http.compression import encoding_for
from api.http.paths import cleaned_path
from api.http.responses import accepts_json
from api.ingest.freshness import Progress
from api.metrics_v1beta1.quantities import byte_count, cores
from api.status import Served
from api.store.packed_batch import pack
from api.store.store import Store
from api.store.times import parse_time_ns, time_text
from schemas.metric_batch import MetricBatch
from tests.asked import Asked
from tests.unit.api.store.test_store import MINUTE, NOW, cluster, node


def application_of(*batches: MetricBatch, choices: Choices | None = None, now: int = NOW) -> FastAPI:
    store = Store()
    for batch in batches:
        store.put(pack(batch), NOW)
    served = Served(Progress(started=True, partitions=1))
    return application(store, served, lambda: now, choices or Choices())


@pytest.fixture(scope="module")
def app() -> FastAPI:
    """Of one node, and the cluster."""
    return application_of(node(NOW), cluster(NOW, usage=1, nodes=1))


@pytest.fixture(scope="module")
def asked(app: FastAPI) -> Asked:
    return Asked(app)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("//api/v1/model/nodes", "/api/v1/model/nodes"),
        ("/api//v1/model//nodes//?a=b&c=%20d", "/api/v1/model/nodes/?a=b&c=%20d"),
    ],
)
def test_a_path_that_is_not_clean_leads_to_the_clean_one(asked: Asked, path: str, location: str) -> None:
    answer = asked.get(f"http://testserver{path}")
    assert (answer.status_code, answer.headers["location"]) == (301, location)


@pytest.mark.parametrize(
    ("path", "cleaned"),
    [
        ("/a/./b", "/a/b"),
        ("/a/../b/", "/b/"),
        ("/../..", "/"),
        ("//", "/"),
        ("/a/.b", "/a/.b"),
        ("/a/b/", "/a/b/"),
        ("", "/"),
    ],
)
def test_dots_and_doubled_slashes(path: str, cleaned: str) -> None:
    assert cleaned_path(path) == cleaned


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/api/v1/model", 404, "404: Page Not Found"),
        ("GET", "/api/v1/model/nope", 404, "404: Page Not Found"),
        ("GET", "/apis/metrics.k8s.io/v1alpha1", 404, "404: Page Not Found"),
        ("GET", "/apis/metrics/v1alpha1", 404, "404: Page Not Found"),
        ("GET", "/apis", 404, "404 page not found\n"),
        ("GET", "/api/v1/historical/nodes", 404, "404 page not found\n"),
        ("POST", "/api/v1/model/nodes", 405, "405: Method Not Allowed"),
        ("DELETE", "/apis/metrics.k8s.io/v1beta1/pods", 405, "405: Method Not Allowed"),
        ("GET", "/api/v1/model/nodes/n1/freecontainers/a%2Fb/metrics/", 404, "404: Page Not Found"),
        ("GET", "/api/v1/model/metrics/memory%2Fusage", 200, "{\n"),
        ("GET", "/api/v1/model/nodes/", 200, "[\n"),
    ],
)
def test_paths_and_methods(asked: Asked, method: str, path: str, status: int, text: str) -> None:
    answer = asked.request(method, path)
    assert (answer.status_code, answer.text[: len(text)]) == (status, text)
    assert status == 200 or answer.headers["content-type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("accept", "accepted"),
    [
        ("", True),
        ("*/*", True),
        ("application/json", True),
        ("text/html, application/xhtml+xml, */*;q=0.8", True),
        ("application/*;q=0.5", True),
        ("text/html", False),
        ("application/xml, text/plain", False),
        ("application/json;q=0", False),
        ("application/json;q=0.000, text/html", False),
    ],
)
def test_who_does_not_take_json_gets_nothing(asked: Asked, accept: str, *, accepted: bool) -> None:
    assert accepts_json(accept) is accepted
    answer = asked.get("/api/v1/model/nodes", headers={"Accept": accept})
    assert answer.status_code == (200 if accepted else 406)
    assert accepted or answer.text == "406: Not Acceptable"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("deflate, gzip", "deflate"),
        ("br, gzip;q=0.5", "gzip"),
        ("gzip;q=0, deflate", "deflate"),
        ("identity", None),
        ("", None),
        ("gzip; q=0.0", None),
    ],
)
def test_answers_are_compressed_for_who_takes_it(app: FastAPI, accepted: str, encoding: str | None) -> None:
    assert encoding_for(accepted) == encoding
    with TestClient(app).stream("GET", "/api/v1/model/nodes", headers={"Accept-Encoding": accepted}) as answer:
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("content-encoding") == encoding
    assert int(answer.headers["content-length"]) == len(raw)
    unpacked = {"gzip": gzip.decompress, "deflate": zlib.decompress, None: bytes}[encoding](raw)
    assert unpacked == b'[\n  "n1"\n ]'


LARGE = "/static-offline-docs/swagger-ui.css"  # a file, sent in pieces with its length


def test_a_file_that_is_compressed_on_the_way_has_no_length_any_more(asked: Asked) -> None:
    plain, packed = (asked.get(LARGE, headers={"Accept-Encoding": each}) for each in ("identity", "gzip"))
    assert int(plain.headers["content-length"]) == len(plain.content) > 65536
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-length" not in packed.headers
    assert packed.content == plain.content


def test_a_part_of_a_file_is_not_compressed(asked: Asked) -> None:
    part = asked.get(LARGE, headers={"Accept-Encoding": "gzip", "Range": "bytes=10-19"})
    assert (part.status_code, part.headers.get("content-encoding"), part.headers["content-length"]) == (206, None, "10")
    assert part.content == asked.get(LARGE).content[10:20]


def test_health_and_what_is_shown_once_no_news_comes(asked: Asked) -> None:
    fresh, old = asked, Asked(application_of(node(NOW), now=NOW + 4 * MINUTE))
    assert (fresh.get("/healthz").text, fresh.get("/healthz/healthz").text, fresh.get("/readyz").text) == ("ok",) * 3
    assert fresh.get("/healthz?verbose").text == "[+]healthz ok\nhealthz check passed\n"
    assert old.get("/healthz").text == "[-]healthz failed: reason withheld\nhealthz check failed\n"
    assert old.get("/healthz").status_code == old.get("/healthz/healthz").status_code == 500
    assert old.get("/healthz/healthz").text.startswith("internal server error: No current data batch available")
    assert (old.get("/readyz").status_code, old.get("/api/v1/status").json()["ready"]) == (503, False)
    assert old.get("/api/v1/model/nodes").json() == []
    assert old.get("/apis/metrics.k8s.io/v1beta1/nodes/n1").status_code == 404
    assert old.get("/api/v1/metric-export").text == "null\n"
    series = old.get("/api/v1/model/nodes/n1/metrics/memory/usage").json()
    assert series["latestTimestamp"] == time_text(NOW)


@pytest.mark.parametrize("path", ["/apis/metrics.k8s.io/v1beta1", "/apis/metrics.k8s.io/v1beta1/"])
def test_what_there_is_for_an_apiservice_and_kubectl(asked: Asked, path: str) -> None:
    answer = asked.get(path, headers={"Accept": "application/json, */*"})
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    verbs = ["get", "list"]
    assert answer.json() == {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": "metrics.k8s.io/v1beta1",
        "resources": [
            {"name": "nodes", "singularName": "", "namespaced": False, "kind": "NodeMetrics", "verbs": verbs},
            {"name": "pods", "singularName": "", "namespaced": True, "kind": "PodMetrics", "verbs": verbs},
        ],
    }


def test_without_an_export_and_without_anything_in_memory() -> None:
    unexported = Asked(application_of(node(NOW), choices=Choices(export=False)))
    assert unexported.get("/api/v1/metric-export").text == "[]\n"
    empty = Asked(application_of(choices=Choices(metric_sink=False)))
    for path in ("/healthz", "/readyz", "/api/v1/model/nodes/", "/api/v1/metric-export", "/apis/metrics/v1alpha1/pods"):
        answer = empty.get(path)
        assert (answer.status_code, "--disable-metric-sink" in answer.text) == (503, True)


@pytest.mark.parametrize(
    ("millicores", "text"), [(0, "0"), (1, "1m"), (1600, "1600m"), (2000, "2"), (1_000_000, "1k"), (2_500_000, "2500")]
)
def test_cores(millicores: int, text: str) -> None:
    assert cores(millicores) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1024, "1Ki"),
        (200_000_000, "200000000"),
        (209_715_200, "200Mi"),
        (235_520, "230Ki"),
        (2**70, "1024Ei"),
    ],
)
def test_bytes(count: int, text: str) -> None:
    assert byte_count(count) == text


@pytest.mark.parametrize(
    ("text", "back"),
    [
        ("2017-08-13T10:51:00Z", "2017-08-13T10:51:00Z"),
        ("2017-08-13T12:51:00.25+02:00", "2017-08-13T10:51:00.25Z"),
        ("2017-08-13T05:21:00-05:30", "2017-08-13T10:51:00Z"),
        ("1969-12-31T23:59:59.999999999Z", "1969-12-31T23:59:59.999999999Z"),
    ],
)
def test_times(text: str, back: str) -> None:
    assert time_text(parse_time_ns(text)) == back


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("1", 'cannot parse "1" as "2006"'),
        ("2017-08-13", 'cannot parse "" as "T"'),
        ("2017-13-13T00:00:00Z", "month out of range"),
        ("2017-02-30T00:00:00Z", "day out of range"),
        ("2017-02-03T24:00:00Z", "hour out of range"),
        ("2017-02-03T04:00:00", 'cannot parse "" as "Z07:00"'),
        ("2017-02-03T04:00:00Zx", 'extra text: "x"'),
        ("2017-02-03T04:00:00 01:00", 'cannot parse " 01:00" as "Z07:00"'),
    ],
)
def test_what_is_no_time(text: str, error: str) -> None:
    with pytest.raises(ValueError, match="parsing time") as raised:
        parse_time_ns(text)
    assert error in str(raised.value)
