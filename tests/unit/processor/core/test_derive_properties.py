"""Properties of `derive` for arbitrary documents and any order of arrival."""

from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from processor.core.derive import derive
from processor.core.labels import LabelRules
from processor.state.group_batch import group_batch
from processor.state.transition import node_sample
from schemas.codec import UndecodableError
from schemas.group_sum import NO_SUMS, GroupSum, add, encode_group_sum
from schemas.metric_batch import MetricBatch, MetricSet, Version, decode_batch, encode_batch
from schemas.node_sample import Contribution, encode_sample
from schemas.node_scrape import ApiContainer, ApiNamespace, ApiPod
from tests.scrapes import summary_scrape

WEB_1 = ApiPod(
    namespace="default",
    name="web-1",
    uid="p-uid",
    restarts={"web": 2},
    containers=(ApiContainer(name="web", image="web", requests={"cpu": "1", "example.com/x": "9E"}),),
)
DEFAULT = ApiNamespace(name="default", uid="ns-uid", nodes=3)


def batch(sets: Iterable[MetricSet]) -> MetricBatch:
    return MetricBatch(
        cluster="c", entity="n1", window_end_ns=0, resolution_ns=1, sets=tuple(sets), version=Version(1, 0)
    )


names = st.sampled_from(["node", "pods", "podRef", "containers", "name", "namespace", "cpu", "time", "usageBytes"])
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**63 - 2, 2**64 + 2),
    st.floats(),
    st.text(),
    st.sampled_from(["2017-08-13T10:50:50Z", "2017-08-13T10:49:50Z", "default", "web-1", "web", "gauge"]),
)
anything = st.recursive(
    scalars, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(names, inner, max_size=6))
)


def objects(**parts: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    """Objects with some of these fields, each with a valid or an arbitrary value."""
    return st.fixed_dictionaries({}, optional={name: st.one_of(part, scalars) for name, part in parts.items()})


counts = st.integers(0, 2**63 - 1)
times = st.sampled_from(["2017-08-13T10:50:50Z", "2017-08-13T10:49:50Z", "2017-08-13T10:50:50.000000001Z"])
usages = objects(time=times, usageCoreNanoSeconds=counts, usageBytes=counts, pageFaults=counts, rxBytes=counts)
disks = objects(usedBytes=counts, inodesFree=counts, name=st.just("data"))
custom_metrics = objects(name=st.just("qps"), type=st.just("gauge"), value=st.floats())
containers = objects(
    name=st.sampled_from(["web", "side"]),
    startTime=times,
    cpu=usages,
    memory=usages,
    rootfs=disks,
    logs=disks,
    userDefinedMetrics=st.lists(custom_metrics, max_size=2),
)
pod_references = st.fixed_dictionaries({"name": st.sampled_from(["web-1", "other"]), "namespace": st.just("default")})
documents = objects(
    node=objects(startTime=times, cpu=usages, network=usages, fs=disks, systemContainers=st.lists(containers)),
    pods=st.lists(
        objects(
            podRef=pod_references,
            cpu=usages,
            memory=usages,
            network=usages,
            volume=st.lists(disks, max_size=2),
            containers=st.lists(containers, max_size=3),
        ),
        max_size=3,
    ),
)


@settings(max_examples=5 * settings().max_examples)
@given(before=st.one_of(documents, anything), now=st.one_of(documents, anything))
def test_any_json_is_undecodable_or_has_a_result_that_can_be_written(before: object, now: object) -> None:
    previous = None
    for document in (before, now):
        each = summary_scrape(document, pods=(WEB_1,), namespaces=(DEFAULT,))
        with suppress(UndecodableError):
            result = derive(each, previous, LabelRules())
            previous = node_sample(each, result, 0)
            encode_sample(previous)
            written = batch(result.sets)
            assert decode_batch(encode_batch(written)) == written
            assert all(
                value >= 0 for found in result.sets for name, value in found.values.items() if name.endswith("_rate")
            )


@st.composite
def clusters(draw: st.DrawFn) -> tuple[list[list[tuple[str, int]]], list[int], list[int]]:
    """Nodes with pods (namespace, memory), the partition of each node, and the order in which the scrapes arrive."""
    pods = st.tuples(st.sampled_from(["a", "b", "c"]), st.integers(0, 10**12))
    nodes = draw(st.lists(st.lists(pods, max_size=4), min_size=1, max_size=6))
    partitions = draw(st.lists(st.integers(0, 2), min_size=len(nodes), max_size=len(nodes)))
    return nodes, partitions, draw(st.permutations(range(len(nodes))))


@given(clusters())
def test_group_sums_do_not_depend_on_the_order_of_arrival(
    cluster: tuple[list[list[tuple[str, int]]], list[int], list[int]],
) -> None:
    nodes, partitions, order = cluster
    totals: dict[tuple[str, int], GroupSum] = {}
    for index in order:
        pods = [
            {"podRef": {"name": f"p{number}", "namespace": namespace}, "memory": {"usageBytes": memory}}
            for number, (namespace, memory) in enumerate(nodes[index])
        ]
        each = summary_scrape({"pods": pods}, node=f"n{index}")
        for contribution in derive(each, None, LabelRules()).contributions:
            slot = contribution.group, partitions[index]
            totals[slot] = folded(totals.get(slot), contribution, partitions[index])
    expected: Counter[str] = Counter()
    for namespace, memory in (pod for node in nodes for pod in node):
        expected.update({f"namespace:{namespace}": memory, "cluster": memory})
    groups = {group for group, _ in totals}
    assert groups == {"cluster", *(f"namespace:{namespace}" for node in nodes for namespace, _ in node)}
    for group in groups:
        found = group_batch([total for (of, _), total in totals.items() if of == group])
        assert found.sets[0].values.get("memory/usage", 0) == expected[group]
        assert found.nodes_counted == sum(
            1 for node in nodes if group == "cluster" or group in {f"namespace:{name}" for name, _ in node}
        )


def folded(total: GroupSum | None, contribution: Contribution, partition: int) -> GroupSum:
    result = GroupSum(
        cluster="default",
        group=contribution.group,
        window_end_ns=0,
        resolution_ns=1,
        source_partition=partition,
        source_offset=0,
        sums=add(NO_SUMS if total is None else total.sums, contribution.sums),
        nodes=1 if total is None else total.nodes + 1,
        nodes_expected=contribution.nodes_expected,
    )
    encode_group_sum(result)
    return result
