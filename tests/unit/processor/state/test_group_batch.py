import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.state.group_batch import group_batch
from schemas.group_sum import GroupSum, Sums, add
from schemas.metric_batch import MetricBatch, MetricSet, Version

NONE: Sums = (None,) * 6


def total(
    sums: Sums, *, partition: int = 0, offset: int = 0, nodes: int = 1, expected: int = 1, group: str = "cluster"
) -> GroupSum:
    return GroupSum(
        cluster="c",
        group=group,
        window_end_ns=60,
        resolution_ns=30,
        source_partition=partition,
        source_offset=offset,
        sums=sums,
        nodes=nodes,
        nodes_expected=expected,
    )


def test_a_namespaces_batch_is_the_sum_over_its_source_partitions() -> None:
    group = "namespace:default"
    first = total((1, 2, None, 4, None, 6), partition=2, offset=10, nodes=3, expected=7, group=group)
    second = total((10, None, None, 40, 50, 60), partition=5, offset=20, nodes=2, expected=6, group=group)
    assert group_batch([first, second]) == MetricBatch(
        cluster="c",
        entity="namespace:default",
        window_end_ns=60,
        resolution_ns=30,
        version=Version(nodes=5, offsets=30),
        nodes_counted=5,
        nodes_expected=7,
        sets=(
            MetricSet(
                key="namespace:default",
                type="ns",
                labels={"type": "ns", "namespace_name": "default", "namespace_id": ""},
                values={
                    "cpu/usage_rate": 11,
                    "cpu/request": 2,
                    "memory/usage": 44,
                    "memory/request": 50,
                    "memory/limit": 66,
                },
            ),
        ),
    )


def test_a_workloads_batch_has_its_labels_and_node_counts() -> None:
    group = "workload:shop/Deployment/web"
    batch = group_batch([total((1, None, None, None, None, None), nodes=2, expected=3, group=group)])
    labels = {"type": "workload", "namespace_name": "shop", "workload_kind": "Deployment", "workload": "web"}
    assert batch.sets == (MetricSet(key=group, type="workload", labels=labels, values={"cpu/usage_rate": 1}),)
    assert (batch.key, batch.nodes_counted, batch.nodes_expected) == (f"c/{group}", 2, 3)


def test_the_clusters_batch_exists_even_without_values() -> None:
    batch = group_batch([total(NONE, nodes=2, expected=3)])
    assert batch.sets == (MetricSet(key="cluster", type="cluster", labels={"type": "cluster"}),)
    assert (batch.key, batch.nodes_counted, batch.nodes_expected) == ("c/cluster", 2, 3)


def test_a_namespaces_uid_is_the_first_known_one() -> None:
    totals = [
        GroupSum(
            cluster="c",
            group="namespace:default",
            window_end_ns=60,
            resolution_ns=30,
            source_partition=partition,
            source_offset=0,
            sums=NONE,
            nodes=1,
            nodes_expected=1,
            namespace_id=uid,
        )
        for partition, uid in enumerate(["", "ns-uid", "other"])
    ]
    assert group_batch(totals).sets[0].labels["namespace_id"] == "ns-uid"


def test_a_sum_past_64_bits_is_absent() -> None:
    batch = group_batch([total((2**62, 1, *NONE[2:]), partition=partition) for partition in range(2)])
    assert batch.sets[0].values == {"cpu/request": 2}


@pytest.mark.parametrize("totals", [[], [total(NONE), total(NONE, group="namespace:default")]])
def test_no_totals_or_totals_of_several_groups_are_rejected(totals: list[GroupSum]) -> None:
    with pytest.raises(ValueError, match="expected totals of one group in one window"):
        group_batch(totals)


sums = st.tuples(*[st.one_of(st.none(), st.integers(0, 2**63 - 1))] * 6)


@given(st.lists(sums, min_size=1, max_size=5).flatmap(lambda each: st.tuples(st.just(each), st.permutations(each))))
def test_sums_do_not_depend_on_the_order_of_adding(both: tuple[list[Sums], list[Sums]]) -> None:
    def added(parts: list[Sums]) -> Sums:
        result = NONE
        for part in parts:
            result = add(result, part)
        return result

    assert added(both[0]) == added(both[1])
