"""Stores as a test needs them: batches by hand, a line an entity."""

from collections.abc import Iterable, Mapping

from api.store.packed_batch import pack
from api.store.store import Store
from schemas.catalogue import CLUSTER, NAMESPACE, NODE, POD, POD_CONTAINER, SYS_CONTAINER, EntityType, Number
from schemas.keys import node_key, pod_container_key, pod_key, sys_container_key
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version, namespace_group

S = 1_000_000_000
RESOLUTION_NS = 60 * S
NOW_NS = 1_700_000_040 * S
NEWEST_NS = NOW_NS - 10 * S  # end of the newest window

Values = Mapping[str, Number]


def _set(key: str, type_: EntityType, values: Values, **labels: str) -> MetricSet:
    return MetricSet(key=key, type=type_, labels={"type": type_, **labels}, values=values)


def node(name: str, **values: Number) -> MetricSet:
    return _set(node_key(name), NODE, _metrics(values), nodename=name)


def system_container(on: str, name: str, **values: Number) -> MetricSet:
    return _set(sys_container_key(on, name), SYS_CONTAINER, _metrics(values), nodename=on, container_name=name)


def pod(on: str, namespace: str, name: str, **values: Number) -> MetricSet:
    labels = {"nodename": on, "namespace_name": namespace, "pod_name": name}
    return _set(pod_key(namespace, name), POD, _metrics(values), **labels)


def container(on: str, namespace: str, pod_name: str, name: str, **values: Number) -> MetricSet:
    labels = {"nodename": on, "namespace_name": namespace, "pod_name": pod_name, "container_name": name}
    return _set(pod_container_key(namespace, pod_name, name), POD_CONTAINER, _metrics(values), **labels)


def namespace(name: str, **values: Number) -> MetricSet:
    return _set(namespace_group(name), NAMESPACE, _metrics(values), namespace_name=name)


def cluster(**values: Number) -> MetricSet:
    return _set(CLUSTER, CLUSTER, _metrics(values))


def _metrics(values: Values) -> dict[str, Number]:
    """As keywords have no slash: cpu_usage_rate is cpu/usage_rate."""
    return {name.replace("_", "/", 1): value for name, value in values.items()}


def labeled(metric_set: MetricSet, resource: str, **values: Number) -> MetricSet:
    own = LabeledValues({"resource_id": resource}, _metrics(values))
    return metric_set._replace(labeled=(*metric_set.labeled, own))


def batch(first: MetricSet, *others: MetricSet, ago: int = 0, counted: int = 1, expected: int = 1) -> MetricBatch:
    """What came of a node or group in the window so many before the newest one."""
    return MetricBatch(
        cluster="default",
        entity=first.key.removeprefix("node:"),
        window_end_ns=NEWEST_NS - ago * RESOLUTION_NS,
        resolution_ns=RESOLUTION_NS,
        sets=(first, *others),
        version=Version(counted, 0),
        nodes_counted=counted,
        nodes_expected=expected,
    )


def stored(*batches: MetricBatch, store: Store | None = None) -> Store:
    return filled(store or Store(), batches)


def filled(store: Store, batches: Iterable[MetricBatch]) -> Store:
    for each in batches:
        assert store.put(pack(each), NOW_NS)
    return store
