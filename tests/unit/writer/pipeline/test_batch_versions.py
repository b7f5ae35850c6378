import pytest

from schemas.catalogue import EntityType
from schemas.metric_batch import MetricBatch, MetricSet, Version
from writer.pipeline.batch_versions import NewestVersions


def batch(
    version: tuple[int, int], *, entity: str = "cluster", kind: EntityType = "cluster", window: int = 60
) -> MetricBatch:
    return MetricBatch(
        cluster="c",
        entity=entity,
        window_end_ns=window,
        resolution_ns=60,
        sets=(MetricSet(key=entity, type=kind, labels={}),),
        version=Version(*version),
    )


@pytest.mark.parametrize(
    ("first", "second", "stale"),
    [
        pytest.param(batch((2, 10)), batch((1, 90)), True, id="fewer nodes"),
        pytest.param(batch((2, 10)), batch((2, 9)), True, id="as many nodes, lower offsets"),
        pytest.param(batch((2, 10)), batch((2, 10)), False, id="the same version again: it may not have been written"),
        pytest.param(batch((2, 10)), batch((3, 1)), False, id="more nodes"),
        pytest.param(batch((2, 10)), batch((1, 1), window=120), False, id="another window"),
        pytest.param(batch((2, 10)), batch((1, 1), entity="namespace:a", kind="ns"), False, id="another group"),
        pytest.param(
            batch((2, 10), entity="workload:a/Deployment/w", kind="workload"),
            batch((1, 90), entity="workload:a/Deployment/w", kind="workload"),
            True,
            id="workload",
        ),
        pytest.param(
            batch((1, 10), entity="n1", kind="node"),
            batch((1, 9), entity="n1", kind="node"),
            False,
            id="batches of nodes are never stale",
        ),
    ],
)
def test_a_batch_is_stale_if_a_greater_version_was_seen(
    first: MetricBatch, second: MetricBatch, *, stale: bool
) -> None:
    versions = NewestVersions()
    assert not versions.is_stale(first)
    assert versions.is_stale(second) is stale


def test_a_stale_version_does_not_replace_the_greatest_one() -> None:
    versions = NewestVersions()
    assert [versions.is_stale(batch((nodes, 0))) for nodes in (1, 3, 2, 3, 2, 4, 3)] == [
        False,
        False,
        True,
        False,
        True,
        False,
        True,
    ]


def test_the_oldest_windows_are_evicted_first() -> None:
    versions = NewestVersions(limit=2)
    for window in (120, 60, 180):
        versions.is_stale(batch((5, 0), window=window))
    assert [versions.is_stale(batch((4, 0), window=window)) for window in (180, 120)] == [True, True]
    assert not versions.is_stale(batch((4, 0), window=60))


def test_the_newest_window_is_never_evicted() -> None:
    versions = NewestVersions(limit=1)
    groups = [f"namespace:{number}" for number in range(5)]
    for group in groups:
        versions.is_stale(batch((5, 0), entity=group, kind="ns"))
    assert all(versions.is_stale(batch((4, 0), entity=group, kind="ns")) for group in groups)
