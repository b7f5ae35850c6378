"""docs/follow-one-number.md: the functions that it names exist, and its numbers are those that the code computes."""

import json
import re
from collections import Counter
from importlib import import_module
from operator import attrgetter

import pytest

from processor.core.decode import decode
from processor.core.derive import derive
from processor.core.labels import LabelRules
from processor.core.rates import rates
from processor.core.sample import sample
from processor.state.transition import node_batch, node_sample
from schemas.metric_batch import MetricBatch, decode_batch, encode_batch
from schemas.node_sample import EntitySample
from schemas.node_scrape import NodeScrape, decode_scrape, encode_scrape
from schemas.rows import columns_from_sets
from scraper.rounds.assignment import partition_of
from tests.scrapes import MINUTE_NS, scrape_of, time_ns
from tests.unit.test_golden import NR131, read
from writer.lines.point_schema import PointSchema
from writer.lines.render import render

PAGE = (NR131.parents[3] / "docs" / "follow-one-number.md").read_text()
FUNCTIONS = sorted(set(re.findall(r"`([\w/]+)\.py: ([\w.]+)`", PAGE)))
POD = "namespace:kube-system/pod:kube-apiserver-datagen-1-31"
CONTAINER = f"{POD}/container:kube-apiserver"
WINDOW_ENDS = ("2025-11-04T19:16:00Z", "2025-11-04T19:17:00Z")


def scrape(window: int) -> NodeScrape:
    [node] = read(NR131 / "nodes.json")["items"]
    return scrape_of(
        node,
        (NR131 / f"summary_datagen-1-31_t{window}.json").read_bytes(),
        pods=read(NR131 / "pods.json")["items"],
        namespaces=read(NR131 / "namespaces.json")["items"],
        window_end_ns=time_ns(WINDOW_ENDS[window]),
    )


def container_sample(window: int) -> EntitySample:
    found = sample(decode(decode_scrape(encode_scrape(scrape(window))), Counter())[CONTAINER])
    assert found is not None
    return found


@pytest.fixture(scope="module")
def batch() -> MetricBatch:
    """The batch of the second window, as the writer reads it."""
    first, second = scrape(0), scrape(1)
    earlier = node_sample(first, derive(first, None, LabelRules()), 0)
    return decode_batch(encode_batch(node_batch(second, derive(second, earlier, LabelRules()).sets, 1)))


def container_line(batch: MetricBatch, schema: PointSchema, measurement: str) -> str:
    start, name = f"{measurement},", ",container_name=kube-apiserver,"
    [line] = [line for line in render(batch, schema).lines if line.startswith(start) and name in line]
    return line


def unwrapped(text: str) -> str:
    """Without the line breaks and the indentation of a code block."""
    return re.sub(r",\n +", ",", text).replace("\n      ", " ")


def test_the_page_names_a_function_for_each_step() -> None:
    assert len(FUNCTIONS) > 15


@pytest.mark.parametrize(("path", "name"), FUNCTIONS)
def test_every_named_function_exists(path: str, name: str) -> None:
    assert callable(attrgetter(name)(import_module(path.replace("/", "."))))


@pytest.mark.parametrize("window", [0, 1])
def test_the_excerpts_are_from_the_documents_of_the_kubelet(window: int) -> None:
    [pod] = [
        each
        for each in json.loads(scrape(window).document or b"")["pods"]
        if CONTAINER.startswith(f"namespace:{each['podRef']['namespace']}/pod:{each['podRef']['name']}/")
    ]
    [found] = pod["containers"]
    excerpt = {name: found[name] for name in ("name", "startTime", "cpu")}
    shown = [line.strip() for line in json.dumps(excerpt, indent=1).splitlines()[1:-1]]
    assert "\n".join(shown) in re.sub(r"\n +", "\n", PAGE)


def test_sizes_key_and_partition_of_the_record() -> None:
    second = scrape(1)
    assert f"{len(second.document or b''):,} bytes" in PAGE
    assert f"{len(encode_scrape(second)):,} bytes before compression" in PAGE
    assert f"| key | `{second.key}` |" in PAGE
    assert f"`kubelet-stats`, {partition_of(second.cluster, second.node, 12)} of 12 |" in PAGE
    assert f"`{WINDOW_ENDS[1]}`" in PAGE
    assert time_ns(WINDOW_ENDS[1]) - time_ns(WINDOW_ENDS[0]) == MINUTE_NS


def test_the_samples_of_both_windows() -> None:
    assert f"| key of the entity | `{CONTAINER}` |" in PAGE
    for name, window in (("first", 0), ("second", 1)):
        found = container_sample(window)
        assert f"| {name} | {found.scrape_ns} | {found.counters['cpu/usage']} |" in PAGE


def test_the_rate_is_computed_as_shown() -> None:
    first, second = container_sample(0), container_sample(1)
    growth_ns = second.counters["cpu/usage"] - first.counters["cpu/usage"]
    elapsed_ns = second.scrape_ns - first.scrape_ns
    rate = rates(first, second).values["cpu/usage_rate"]
    assert (
        f"    1000 * ({second.counters['cpu/usage']} - {first.counters['cpu/usage']})"
        f" // ({second.scrape_ns} - {first.scrape_ns})\n"
        f"      = 1000 * {growth_ns} // {elapsed_ns}\n"
        f"      = {rate}\n"
    ) in PAGE
    assert f"{1000 * growth_ns / elapsed_ns:.2f} millicores" in PAGE


def test_the_rates_of_container_pod_namespace_and_cluster(batch: MetricBatch) -> None:
    values = {each.key: each.values for each in batch.sets}
    first, second = scrape(0), scrape(1)
    added = derive(second, node_sample(first, derive(first, None, LabelRules()), 0), LabelRules()).contributions
    sums = {each.group: each.sums[0] for each in added}
    assert f"| the container | {values[CONTAINER]['cpu/usage_rate']} |" in PAGE
    assert f"| its pod | {values[POD]['cpu/usage_rate']} |" in PAGE
    assert f"| the namespace `kube-system` | {sums['namespace:kube-system']} |" in PAGE
    assert f"| the cluster | {sums['cluster']} |" in PAGE
    assert f"request of {values[CONTAINER]['cpu/request']} millicores" in PAGE


def test_the_size_of_the_batch(batch: MetricBatch) -> None:
    assert f"all {len(batch.sets)} metric sets" in PAGE
    assert f"one of {len(columns_from_sets(batch.sets).ints):,} numbers" in PAGE
    assert f"The record has {len(encode_batch(batch)):,} bytes before compression." in PAGE


def test_the_lines_of_both_schemas(batch: MetricBatch) -> None:
    page = unwrapped(PAGE)
    line = container_line(batch, PointSchema(), "cpu/usage_rate")
    assert f"    {line}\n" in page
    tags, values = container_line(batch, PointSchema(with_fields=True), "cpu").split(" ", 1)
    assert f"    cpu,…,type=pod_container {values}\n" in page
    assert tags.removeprefix("cpu,") == line.split(" ", 1)[0].removeprefix("cpu/usage_rate,")


def test_heapster_wrote_the_same_value(batch: MetricBatch) -> None:
    written = container_line(batch, PointSchema(cluster_name="oracle"), "cpu/usage_rate").rsplit(" ", 1)[0]
    assert written in (NR131 / "expected_t1.lp").read_text().splitlines()
