"""Build scrapes for tests from the API's JSON and a kubelet's document, in the form that a scraper sends."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from processor.core.derive import derive
from processor.core.labels import LabelRules
from processor.core.timestamps import parse_time_ns
from processor.state.group_batch import group_batch
from processor.state.transition import node_batch, node_sample
from schemas.group_sum import GroupSum
from schemas.metric_batch import MetricBatch
from schemas.node_sample import Contribution, NodeSample
from schemas.node_scrape import ApiContainer, ApiNamespace, ApiPod, NodeScrape

MINUTE_NS = 60_000_000_000
Json = Mapping[str, Any]


def time_ns(text: str) -> int:
    found = parse_time_ns(text)
    assert found is not None
    return found


def scrape_of(
    node: Json,
    document: bytes,
    *,
    pods: Iterable[Json] = (),
    namespaces: Iterable[Json] = (),
    window_end_ns: int,
) -> NodeScrape:
    """A scrape answered five seconds after the end of its window, when Heapster scraped too."""
    name = node["metadata"]["name"]
    return NodeScrape(
        cluster="default",
        node=name,
        window_end_ns=window_end_ns,
        resolution_ns=MINUTE_NS,
        scraped_at_ns=window_end_ns + 5_000_000_000,
        document=document,
        hostname=hostname(node),
        host_id=node["spec"].get("externalID", ""),
        labels=node["metadata"].get("labels", {}),
        capacity=node["status"].get("capacity", {}),
        allocatable=node["status"].get("allocatable", {}),
        pods=tuple(api_pod(pod) for pod in pods if pod["spec"].get("nodeName") == name),
        namespaces=tuple(api_namespace(namespace) for namespace in namespaces),
    )


def summary_scrape(document: object = None, **fields: Any) -> NodeScrape:
    """A scrape of node n1 at 2017-08-13T10:51:00Z with this Summary, as JSON or as bytes."""
    defaults = {
        "cluster": "default",
        "node": "n1",
        "window_end_ns": time_ns("2017-08-13T10:51:00Z"),
        "resolution_ns": MINUTE_NS,
        "scraped_at_ns": time_ns("2017-08-13T10:51:05Z"),
        "document": document if isinstance(document, bytes) else json.dumps(document).encode(),
        "hostname": "h1",
        "host_id": "i-1",
    }
    return NodeScrape(**{**defaults, **fields})


def processed(
    windows: Iterable[Iterable[NodeScrape]], rules: LabelRules | None = None, *, extended: bool = False
) -> Iterator[list[MetricBatch]]:
    """The batches of each window: one per node and one per group, with rates since the previous window.

    For the sums of groups, every node is in a partition of its own.
    """
    previous: dict[str, NodeSample] = {}
    for window in windows:
        batches: list[MetricBatch] = []
        totals: dict[str, list[GroupSum]] = {}
        for partition, scrape in enumerate(window):
            result = derive(scrape, previous.get(scrape.node), rules or LabelRules(), extended=extended)
            previous[scrape.node] = node_sample(scrape, result, 0)
            batches.append(node_batch(scrape, result.sets, 0))
            for contribution in result.contributions:
                totals.setdefault(contribution.group, []).append(total_of(scrape, contribution, partition))
        yield batches + [group_batch(each) for each in totals.values()]


def total_of(scrape: NodeScrape, contribution: Contribution, partition: int) -> GroupSum:
    """The total of a partition after this scrape alone."""
    return GroupSum(
        cluster=scrape.cluster,
        group=contribution.group,
        window_end_ns=scrape.window_end_ns,
        resolution_ns=scrape.resolution_ns,
        source_partition=partition,
        source_offset=0,
        sums=contribution.sums,
        nodes=1,
        nodes_expected=contribution.nodes_expected,
        namespace_id=contribution.namespace_id,
    )


def hostname(node: Json) -> str:
    names = [each["address"] for each in node["status"].get("addresses", ()) if each["type"] == "Hostname"]
    return str(names[-1] if names else node["metadata"]["name"])


def api_pod(pod: Json) -> ApiPod:
    status = pod["status"]
    started = status.get("startTime")
    owner = next((each for each in pod["metadata"].get("ownerReferences", ()) if each.get("controller")), {})
    return ApiPod(
        namespace=pod["metadata"]["namespace"],
        name=pod["metadata"]["name"],
        uid=pod["metadata"]["uid"],
        node=pod["spec"].get("nodeName", ""),
        phase=status.get("phase", ""),
        start_time_ns=None if started is None else parse_time_ns(started),
        owner_kind=owner.get("kind", ""),
        owner_name=owner.get("name", ""),
        labels=pod["metadata"].get("labels", {}),
        restarts={each["name"]: each["restartCount"] for each in status.get("containerStatuses", ())},
        containers=tuple(api_container(each) for each in pod["spec"]["containers"]),
    )


def api_container(container: Json) -> ApiContainer:
    resources = container.get("resources", {})
    return ApiContainer(
        name=container["name"],
        image=container["image"],
        requests=resources.get("requests", {}),
        limits=resources.get("limits", {}),
    )


def api_namespace(namespace: Json) -> ApiNamespace:
    return ApiNamespace(name=namespace["metadata"]["name"], uid=namespace["metadata"]["uid"], nodes=1)
