"""The historical API on a real InfluxDB: what Heapster's model API answered, out of the points that were written."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from api.app import Choices, application
from api.heapster.history import History, HistoryConfig
from api.status import Served
from api.store.store import Store
from tests.scrapes import time_ns
from tests.unit.api.heapster.test_heapsters_answers import body_of, comparable, recorded, same, without_floats
from tests.unit.test_golden import UPTIME_OFF_MS, basic_batches
from tools.chaos.contents import Database
from tools.stack.influxdb import InfluxDB
from writer.lines.render import PointSchema, render

ROOT, MODEL = "/api/v1/historical", "/api/v1/model"
SINCE = "start=2023-12-31T00:00:00Z"
NOW_NS = time_ns("2024-01-01T00:00:50Z")
BEHIND_SLASH = [path.removeprefix(MODEL) for path in sorted(recorded()) if path.startswith(MODEL)]
SERIES = [path for path in BEHIND_SLASH if "/metrics/" in path.removesuffix("/") and "?" not in path]
LISTS = ["/nodes", "/namespaces/", "/namespaces/shop/pods/", "/nodes/node-000/freecontainers/"]
LISTS += [path for path in BEHIND_SLASH if path.endswith("/containers/")]
POD = "/namespaces/shop/pods/api-2-4"
EMPTY = {"metrics": [], "latestTimestamp": "0001-01-01T00:00:00Z"}


@pytest.fixture(scope="module", params=["default schema", "with fields", "tags of 1.3"])
def client(request: pytest.FixtureRequest, influxdb: InfluxDB) -> Iterator[TestClient]:
    with_fields, tags = request.param == "with fields", "1.3" if "1.3" in request.param else "1.5"
    name = f"history_{with_fields}_{tags}".replace(".", "_")
    schema = PointSchema(with_fields=with_fields, tag_set="1.3" if tags == "1.3" else "1.5", cluster_name="prod")
    written = [line for batches in basic_batches() for batch in batches for line in render(batch, schema).lines]
    Database(influxdb, name).write_lines(written)
    options = f"db={name}&user={influxdb.user}&pw={influxdb.password}&tags={tags}&cluster_name=prod&retention=7d"
    source = f"influxdb:{influxdb.url}?{options}{'&withfields=true' if with_fields else ''}"
    config = HistoryConfig.parse(source, "other")
    assert config.ignored == ()
    app = application(Store(), Served(), lambda: NOW_NS, Choices(history=History(config)))
    with TestClient(app, follow_redirects=False) as found:
        yield found


def test_every_recorded_series(client: TestClient) -> None:
    assert len(SERIES) > 800
    for path in SERIES[::7]:
        expected = recorded()[MODEL + path]["body"]
        answer = client.get(f"{ROOT}{path}?{SINCE}")
        if expected == EMPTY:
            assert (answer.status_code, answer.text[:23]) == (500, 'No results for metric "'), path
            continue
        found = comparable(without_floats(body_of(answer.text)))
        assert same(found, comparable(expected), UPTIME_OFF_MS if path.endswith("/uptime") else 0), (path, answer.text)


@pytest.mark.parametrize("path", LISTS)
def test_every_recorded_list(client: TestClient, path: str) -> None:
    assert client.get(ROOT + path).json() == sorted(recorded()[MODEL + path]["body"])


@pytest.mark.parametrize("path", ["", "/nodes/node-001", "/namespaces/shop", POD, f"{POD}/containers/app"])
def test_metric_names_are_those_that_the_entity_has(client: TestClient, path: str) -> None:
    found = set(client.get(f"{ROOT}{path}/metrics").json())
    plain = set(recorded()[f"{MODEL}{path}/metrics/"]["body"])
    assert plain <= found
    assert all(name.startswith("filesystem/") for name in found - plain)


def test_several_pods_in_the_order_of_the_question(client: TestClient) -> None:
    def at(path: str) -> list[Any]:
        answer = client.get(f"{ROOT}/namespaces/shop/{path}/metrics/memory/usage?{SINCE}").json()
        return answer.get("items", [answer])

    assert at("pod-list/front-2-0,api-2-4") == at("pods/front-2-0") + at("pods/api-2-4")
    missing = client.get(f"{ROOT}/namespaces/shop/pod-list/api-2-4,missing/metrics/cpu-usage?{SINCE}")
    assert (missing.status_code, missing.text) == (
        500,
        'No results for metric "cpu/usage_rate" describing "(pod)ns:shop/pod:missing"',
    )


def test_a_labeled_metric_is_found_by_its_labels_and_not_mixed_without(client: TestClient) -> None:
    path = f"{ROOT}/nodes/node-000/metrics/filesystem/usage?{SINCE}"
    expected = recorded()[f"{MODEL}/nodes/node-000/metrics/filesystem/usage?labels=resource_id:/"]["body"]
    assert client.get(f"{path}&labels=resource_id:/").json() == expected
    assert client.get(path).status_code == 500


def test_bounds_are_left_out_and_cut_to_seconds(client: TestClient) -> None:
    path = f"{ROOT}/metrics/memory/usage?start=2024-01-01T00:00:00.9Z&end=2024-01-01T00:00:30Z"
    times = [point["timestamp"] for point in client.get(path).json()["metrics"]]
    assert times == ["2024-01-01T00:00:10Z", "2024-01-01T00:00:20Z"]


def test_aggregations(client: TestClient) -> None:
    values = [point["value"] for point in recorded()[f"{MODEL}/metrics/memory/usage"]["body"]["metrics"]]
    functions = "count,max,min,average,median,50-perc,99-perc"
    path = f"{ROOT}/metrics-aggregated/{functions}/memory/usage?{SINCE}"
    answer = client.get(path)
    found = answer.json()
    assert found["bucketSize"] == 0
    (bucket,) = found["buckets"]
    assert list(bucket.pop("average").values()) == pytest.approx([sum(values) / 5], rel=1e-12)
    assert bucket == {
        "timestamp": "2023-12-31T00:00:00Z",
        "count": 5,
        "maximum": {"intValue": max(values)},
        "minimum": {"intValue": min(values)},
        "median": {"intValue": sorted(values)[2]},
        "percentiles": {"50": {"intValue": sorted(values)[2]}, "99": {"intValue": max(values)}},
    }
    assert answer.text.startswith("{\n  ")


def test_aggregations_by_buckets(client: TestClient) -> None:
    path = "metrics-aggregated/max/memory/usage?start=2023-12-31T23:59:59Z&bucket=20s"
    found = client.get(f"{ROOT}/{path}").json()
    points = recorded()[f"{MODEL}/metrics/memory/usage"]["body"]["metrics"]
    values = [point["value"] for point in points]
    assert found == {
        "buckets": [
            {"timestamp": f"2024-01-01T00:00:{second:02}Z", "maximum": {"intValue": max(values[at : at + 2])}}
            for second, at in ((0, 0), (20, 2), (40, 4))
        ],
        "bucketSize": 20_000_000_000,
    }
    several = client.get(f"{ROOT}/namespaces/shop/pod-list/api-2-4,front-2-0/{path}")
    assert [len(item["buckets"]) for item in several.json()["items"]] == [3, 3]
    assert several.text.startswith('{"items":[{"buckets":[{"')


def test_by_the_uid_of_a_pod_where_that_is_a_tag(client: TestClient, request: pytest.FixtureRequest) -> None:
    pods = [metric_set for batches in basic_batches()[:1] for batch in batches for metric_set in batch.sets]
    uid = next(each.labels["pod_id"] for each in pods if each.key == "namespace:shop/pod:api-2-4")
    by_name = client.get(f"{ROOT}{POD}/metrics/memory/usage?{SINCE}").text
    answer = client.get(f"{ROOT}/pod-id/{uid}/metrics/memory/usage?{SINCE}")
    container = client.get(f"{ROOT}/pod-id/{uid}/containers/app/metrics/memory/usage?{SINCE}")
    several = client.get(f"{ROOT}/pod-id-list/{uid}/metrics-aggregated/count/memory/usage?{SINCE}")
    if "1.3" in request.node.callspec.id:
        assert answer.text == by_name
        assert container.text == client.get(f"{ROOT}{POD}/containers/app/metrics/memory/usage?{SINCE}").text
        assert several.json()["items"][0]["buckets"][0]["count"] == 5
    else:
        expected = f'No results for metric "memory/usage" describing "(pod)poduid:{uid}"'
        assert (answer.status_code, answer.text) == (500, expected)


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/metrics/memory/usage", 400, "no start time (or a start time of zero) provided"),
        ("/metrics/memory/usage?start=x", 400, "timestamp argument cannot be parsed"),
        (f"/metrics/memory/usage?{SINCE}&labels=a", 400, 'invalid label pair "a"'),
        (f"/metrics-aggregated/max,most/memory/usage?{SINCE}", 400, 'Unknown aggregation "most"'),
        (f"/metrics-aggregated/max/memory/usage?{SINCE}&bucket=1", 400, 'bucket size "1"'),
        (f"/metrics/memory';DROP?{SINCE}", 500, "invalid metric name"),
        (f"/nodes/a b/metrics/memory/usage?{SINCE}", 500, "invalid nodename"),
        (f"/nodes/n/metrics/memory/usage?{SINCE}&labels=a:'", 500, "invalid label value"),
        (f"/nodes/n/metrics/memory/usage?{SINCE}&labels=a':b", 500, "invalid label name"),
        ("/nope", 404, "404: Page Not Found"),
    ],
)
def test_refusals(client: TestClient, path: str, status: int, text: str) -> None:
    answer = client.get(ROOT + path)
    assert (answer.status_code, answer.text[: len(text)]) == (status, text)


def test_an_influxdb_that_is_away_is_told(own_influxdb: Callable[[], InfluxDB]) -> None:
    influxdb = own_influxdb()
    source = f"influxdb:{influxdb.url}?db=k8s&user={influxdb.user}&pw=wrong"
    app = application(Store(), Served(), lambda: NOW_NS, Choices(history=History(HistoryConfig.parse(source, "c"))))
    refused = TestClient(app).get(f"{ROOT}/metrics/memory/usage?{SINCE}")
    assert (refused.status_code, "authorization failed" in refused.text, "wrong" in refused.text) == (503, True, False)
    influxdb.kill()
    away = TestClient(app).get(f"{ROOT}/metrics/memory/usage?{SINCE}")
    assert (away.status_code, away.text) == (503, f"InfluxDB at {influxdb.url} does not answer: no connection")
