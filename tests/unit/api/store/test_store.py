"""The store: windows in any order, what is current, what is forgotten."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.store.current_view import CurrentView
from api.store.packed_batch import pack
from api.store.row import Point
from api.store.store import SPAN_NS, Store
from schemas.catalogue import Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version

S = 1_000_000_000
MINUTE = 60 * S
NOW = 1_700_000_040 * S  # a full minute
POD, NODE, CONTAINER = "namespace:default/pod:web", "node:n1", "namespace:default/pod:web/container:app"


def node(
    at: int, *, name: str = "n1", usage: int = 1, pods: tuple[str, ...] = ("web",), version: int = 0, **fields: Any
) -> MetricBatch:
    """A node's batch: itself and its pods, each of one container."""
    sets = [MetricSet(key=f"node:{name}", type="node", labels={"nodename": name}, values={"memory/usage": usage})]
    for pod in pods:
        key = f"namespace:default/pod:{pod}"
        sets.append(MetricSet(key=key, type="pod", labels={"pod_name": pod}, values={"memory/usage": usage}))
        sets.append(
            MetricSet(key=f"{key}/container:app", type="pod_container", labels={}, values={"memory/usage": usage})
        )
    batch = {"cluster": "c", "entity": name, "resolution_ns": MINUTE, "sets": tuple(sets)}
    return MetricBatch(window_end_ns=at, version=Version(1, version), **{**batch, **fields})


def cluster(at: int, *, usage: int, nodes: int, expected: int = 2) -> MetricBatch:
    return MetricBatch(
        cluster="c",
        entity="cluster",
        window_end_ns=at,
        resolution_ns=MINUTE,
        version=Version(nodes, nodes),
        nodes_counted=nodes,
        nodes_expected=expected,
        sets=(MetricSet(key="cluster", type="cluster", labels={}, values={"memory/usage": usage}),),
    )


def filled(*batches: MetricBatch, now: int = NOW) -> Store:
    store = Store()
    for batch in batches:
        store.put(pack(batch), now)
    return store


def values(store: Store, key: str, metric: str = "memory/usage", **bounds: int) -> list[tuple[int, Number]]:
    """Points as (minutes ago, value)."""
    return [((NOW - point.time_ns) // MINUTE, point.value) for point in store.series(key, metric, **bounds)]


def keys(store: Store, now: int = NOW) -> list[str]:
    return [each.key for each in CurrentView(store, now).all() if each is not None]


def test_points_come_in_order_of_time_however_they_arrived() -> None:
    store = filled(*(node(NOW - ago * MINUTE, usage=ago) for ago in (2, 0, 3, 1)))
    assert values(store, NODE) == [(3, 3), (2, 2), (1, 1), (0, 0)]
    assert values(store, CONTAINER) == values(store, NODE)


def test_bounds_are_both_included() -> None:
    store = filled(*(node(NOW - ago * MINUTE, usage=ago) for ago in range(4)))
    assert values(store, NODE, start_ns=NOW - 2 * MINUTE, end_ns=NOW - MINUTE) == [(2, 2), (1, 1)]
    assert values(store, NODE, start_ns=NOW - MINUTE, end_ns=NOW - 2 * MINUTE) == []


def test_a_group_written_again_replaces_its_window_and_an_older_version_does_not() -> None:
    store = filled(cluster(NOW, usage=10, nodes=1))
    assert store.put(pack(cluster(NOW, usage=30, nodes=2)), NOW)
    assert not store.put(pack(cluster(NOW, usage=10, nodes=1)), NOW)
    assert store.put(pack(cluster(NOW, usage=30, nodes=2)), NOW)
    assert values(store, "cluster") == [(0, 30)]
    assert (CurrentView(store, NOW).state().nodes_counted, CurrentView(store, NOW).state().nodes_expected) == (2, 2)


def test_versions_are_compared_within_a_window_only() -> None:
    store = filled(cluster(NOW - MINUTE, usage=30, nodes=2))
    assert store.put(pack(cluster(NOW, usage=10, nodes=1)), NOW)
    assert store.put(pack(cluster(NOW - 2 * MINUTE, usage=5, nodes=1)), NOW)
    assert values(store, "cluster") == [(2, 5), (1, 30), (0, 10)]


@pytest.mark.parametrize("at", [NOW - SPAN_NS, NOW - SPAN_NS - MINUTE, NOW + SPAN_NS + 1])
def test_what_is_outside_the_span_is_not_taken(at: int) -> None:
    store = Store()
    assert not store.put(pack(node(at)), NOW)
    assert keys(store) == []


def test_a_pod_that_has_moved_is_where_it_was_seen_last_and_keeps_its_series() -> None:
    store = filled(node(NOW - MINUTE, usage=1), node(NOW, name="n2", usage=2))
    assert values(store, POD) == [(1, 1), (0, 2)]
    found = CurrentView(store, NOW).current(POD)
    assert found is not None
    assert (found.window_end_ns, found.value("memory/usage")) == (NOW, 2)
    assert keys(store).count(POD) == 1


def test_a_pod_that_is_gone_is_not_current_but_its_series_is_kept() -> None:
    store = filled(node(NOW - MINUTE), node(NOW, pods=()))
    assert CurrentView(store, NOW).current(POD) is None
    assert keys(store) == [NODE]
    assert values(store, POD) == [(1, 1)]


def test_a_node_that_has_answered_none_of_the_last_windows_is_not_there() -> None:
    store = filled(node(NOW - 3 * MINUTE), node(NOW, name="n2", pods=()))
    assert keys(store, NOW) == ["node:n2"]
    assert keys(filled(node(NOW - 2 * MINUTE), node(NOW, name="n2", pods=()))) == [POD, CONTAINER, NODE, "node:n2"]


def test_nothing_is_current_once_it_is_older_than_three_minutes() -> None:
    store = filled(node(NOW), cluster(NOW, usage=1, nodes=1))
    later = NOW + 3 * MINUTE
    view = CurrentView(store, later + 1)
    assert (CurrentView(store, later).state().stale, view.state().stale) == (False, True)
    assert CurrentView(store, later).current(NODE) is not None
    assert view.current(NODE) is None
    assert keys(store, later + 1) == []
    assert not any((*view.nodes(), *view.below(NODE), *view.pods()))
    assert view.state().newest_ns == NOW


def test_long_windows_do_not_go_stale_before_the_next_one_can_be_there() -> None:
    store = filled(node(NOW, resolution_ns=5 * MINUTE))
    assert not CurrentView(store, NOW + 9 * MINUTE).state().stale
    assert CurrentView(store, NOW + 11 * MINUTE).state().stale


def test_a_window_of_the_future_does_not_make_the_others_old() -> None:
    store = filled(node(NOW), node(NOW + 10 * MINUTE, name="n2", pods=()))
    assert keys(store) == [POD, CONTAINER, NODE]
    assert CurrentView(store, NOW).state().newest_ns == NOW


def test_what_is_past_the_span_is_forgotten_whole() -> None:
    store = filled(node(NOW - 14 * MINUTE), node(NOW - 13 * MINUTE, pods=("other",)), cluster(NOW, usage=1, nodes=1))
    store.expire(NOW + MINUTE)
    assert values(store, POD) == []
    assert store.metric_names(POD) == []
    assert values(store, "namespace:default/pod:other") == [(13, 1)]
    store.expire(NOW + 2 * MINUTE)
    assert values(store, NODE) == []
    store.expire(NOW + SPAN_NS)
    assert vars(store)["_rows"] == vars(store)["_sources"] == vars(store)["_windows"] == {}


def test_a_node_that_goes_on_as_it_was_keeps_one_shape() -> None:
    store = filled(*(node(NOW - ago * MINUTE, usage=ago) for ago in range(10)))
    assert len({id(row.schema) for row in vars(store)["_rows"][NODE]}) == 1


def test_what_stays_the_same_in_a_changed_shape_is_kept_once() -> None:
    store = filled(node(NOW - MINUTE), node(NOW, pods=("web", "other")))
    first, second = (row.schema for row in vars(store)["_rows"][NODE])
    assert first.entities[first.position(POD)] is second.entities[second.position(POD)]


def test_metric_names_are_those_without_labels_in_any_window() -> None:
    labeled = (LabeledValues({"resource_id": "/"}, {"filesystem/usage": 5}),)
    plain = MetricSet(key=NODE, type="node", labels={}, values={"uptime": 1}, labeled=labeled)
    store = filled(node(NOW - MINUTE), node(NOW, sets=(plain,)))
    assert store.metric_names(NODE) == ["memory/usage", "uptime"]
    assert store.series(NODE, "filesystem/usage") == []
    assert store.series(NODE, "filesystem/usage", (("resource_id", "/"),)) == [Point(NOW, 5)]


def test_a_node_called_cluster_is_a_node() -> None:
    store = filled(node(NOW, name="cluster", usage=3), cluster(NOW, usage=7, nodes=1))
    assert (values(store, "node:cluster"), values(store, "cluster")) == ([(0, 3)], [(0, 7)])


numbers = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
named = st.dictionaries(st.text(max_size=8), numbers, max_size=6)
texts = st.dictionaries(st.text(max_size=5), st.text(max_size=5), max_size=3)


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.tuples(texts, named, st.lists(st.tuples(texts.filter(bool), named), max_size=2), texts),
        max_size=4,
    )
)
def test_everything_comes_out_as_it_went_in(
    entities: Mapping[str, tuple[Mapping[str, str], Mapping[str, Number], list[Any], Mapping[str, str]]],
) -> None:
    sets = tuple(
        MetricSet(key=key, type="pod", labels=own, values=plain, labeled=tuple(LabeledValues(*each) for each in more))
        for key, (own, plain, more, _) in entities.items()
    )
    object_labels = {key: labels for key, (_, _, _, labels) in entities.items()}
    store = filled(node(NOW, sets=sets, object_labels=object_labels))
    for metric_set in sets:
        reading = CurrentView(store, NOW).current(metric_set.key)
        assert reading is not None
        assert reading.entity.labels == metric_set.labels
        assert dict(reading.entity.object_labels) == object_labels[metric_set.key]
        assert reading.values() == metric_set.values
        assert [type(each) for each in reading.values().values()] == [type(each) for each in metric_set.values.values()]
        assert [own for own in reading.labeled() if own.labels] == list(metric_set.labeled)
