import pytest

from schemas.metric_batch import namespace_group, namespace_of_group, workload_group, workload_of_group
from schemas.node_scrape import ApiPod
from schemas.workload import Workload, workload_of
from tests.scrapes import time_ns

STARTED = "2025-11-04T19:15:00Z"


def pod(kind: str, name: str, *, labels: dict[str, str] | None = None, started: str | None = STARTED) -> ApiPod:
    return ApiPod(
        namespace="shop",
        name="p",
        uid="u",
        owner_kind=kind,
        owner_name=name,
        labels=labels or {},
        start_time_ns=None if started is None else time_ns(started),
    )


def hashed(value: str) -> dict[str, str]:
    return {"pod-template-hash": value}


@pytest.mark.parametrize(
    ("of", "expected"),
    [
        pytest.param(pod("ReplicaSet", "web-5f9c", labels=hashed("5f9c")), ("Deployment", "web"), id="Deployment"),
        pytest.param(pod("ReplicaSet", "web-5f9c"), ("ReplicaSet", "web-5f9c"), id="ReplicaSet without the label"),
        pytest.param(pod("ReplicaSet", "web", labels=hashed("5f9c")), ("ReplicaSet", "web"), id="hash not in the name"),
        pytest.param(pod("ReplicaSet", "web", labels=hashed("")), ("ReplicaSet", "web"), id="empty hash"),
        pytest.param(pod("StatefulSet", "db"), ("StatefulSet", "db"), id="StatefulSet"),
        pytest.param(pod("DaemonSet", "log"), ("DaemonSet", "log"), id="DaemonSet"),
        pytest.param(pod("Rollout", "canary"), ("Rollout", "canary"), id="any other owner"),
        pytest.param(pod("Job", "import"), ("Job", "import"), id="Job"),
        pytest.param(pod("Job", "night-29371395"), ("CronJob", "night"), id="CronJob"),
        pytest.param(pod("Job", "night-1762283700"), ("CronJob", "night"), id="CronJob before 1.21: seconds"),
        pytest.param(pod("Job", "import-20251104"), ("Job", "import-20251104"), id="a date in a Job's own name"),
        pytest.param(
            pod("Job", "import-99999999"), ("Job", "import-99999999"), id="digits of a time in the far future"
        ),
        pytest.param(pod("Job", "night-29371395", started=None), ("Job", "night-29371395"), id="not started yet"),
    ],
)
def test_the_workload_of_a_pod(of: ApiPod, expected: tuple[str, str]) -> None:
    assert workload_of(of) == Workload("shop", *expected)


@pytest.mark.parametrize("of", [pod("", ""), pod("Node", "node-1")], ids=["no owner", "static pod"])
def test_pods_without_a_workload(of: ApiPod) -> None:
    assert workload_of(of) is None


def test_the_key_of_a_group_tells_its_type() -> None:
    shop = Workload("shop", "Deployment", "web")
    assert workload_group(shop) == "workload:shop/Deployment/web"
    assert workload_of_group("workload:shop/Deployment/web") == shop
    assert [workload_of_group(group) for group in ("cluster", "namespace:shop")] == [None, None]
    found = [namespace_of_group(group) for group in ("cluster", namespace_group("workload"), workload_group(shop))]
    assert found == [None, "workload", None]
