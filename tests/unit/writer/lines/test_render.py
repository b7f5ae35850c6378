import re
from collections.abc import Mapping
from pathlib import Path

import pytest

from schemas.catalogue import EntityType, Number
from schemas.metric_batch import LabeledValues, MetricBatch, MetricSet, Version
from writer.lines.render import PointSchema, Problem, format_number, render

FIXTURES = Path(__file__).parents[3] / "fixtures" / "writer"
T = 1502621460000000000
NODE_LABELS = {"type": "node", "nodename": "n1", "hostname": "h1", "host_id": "", "labels": "kubernetes.io/hostname:h1"}
POD_LABELS = {
    "type": "pod",
    "pod_name": "web-1",
    "pod_id": "6c6e",
    "namespace_name": "default",
    "namespace_id": "91ab",
    "nodename": "n1",
    "hostname": "h1",
    "host_id": "i-17",
    "labels": "app:web",
}
CONTAINER_LABELS = POD_LABELS | {
    "type": "pod_container",
    "container_name": "web",
    "container_base_image": "nginx:1.13",
    "labels": "app:web,tier:front",
}
VOLUME = {"resource_id": "Volume:data"}


def metric_set(
    labels: Mapping[str, str], values: Mapping[str, Number], *labeled: tuple[Mapping[str, str], Mapping[str, Number]]
) -> MetricSet:
    kind: EntityType = labels["type"]  # type: ignore[assignment]
    return MetricSet(
        key="k", type=kind, labels=labels, values=values, labeled=tuple(LabeledValues(*each) for each in labeled)
    )


def batch(*sets: MetricSet) -> MetricBatch:
    return MetricBatch(
        cluster="default",
        entity="n1",
        window_end_ns=T,
        resolution_ns=60_000_000_000,
        sets=sets,
        version=Version(1, 0),
    )


SMALL_CLUSTER = batch(
    metric_set(CONTAINER_LABELS, {"cpu/usage_rate": 255}),
    metric_set({"type": "ns", "namespace_name": "default", "namespace_id": "91ab"}, {"memory/usage": 231000000}),
    metric_set(NODE_LABELS, {"cpu/node_utilization": 20 / 49, "cpu/node_capacity": 4000.0}),
    metric_set(POD_LABELS, {"network/rx_rate": 2074.890756302521}),
    metric_set(NODE_LABELS, {}, ({"resource_id": "/"}, {"filesystem/usage": 5368709120})),
    metric_set(POD_LABELS, {}, (VOLUME, {"filesystem/usage": 1048576})),
    metric_set({"type": "sys_container", "container_name": "docker-daemon", "nodename": "n1"}, {"uptime": 86400000}),
    metric_set({"type": "cluster"}, {"cpu/limit": 1000}),
)


def lines(found: MetricBatch, schema: PointSchema | None = None) -> list[str]:
    return render(found, schema or PointSchema()).lines


def rendered(*sets: MetricSet) -> tuple[list[str], Mapping[Problem, int]]:
    found = render(batch(*sets), PointSchema())
    return found.lines, found.problems


def a_field_each(line: str) -> list[str]:
    """Split into a line per field, as Heapster writes them."""
    series, fields, time = line.rsplit(" ", 2)
    return [f"{series} {field} {time}" for field in fields.split(",")]


def tags(line: str) -> str:
    """The tags of a line without escaped spaces."""
    return line.split(" ", maxsplit=1)[0].partition(",")[2]


def tag_names(line: str) -> list[str]:
    return [tag.partition("=")[0] for tag in re.split(r"(?<!\\),", tags(line))]


def test_a_batch_renders_as_heapsters_lines() -> None:
    assert lines(SMALL_CLUSTER) == (FIXTURES / "default.lp").read_text().splitlines()


def test_a_batch_with_fields_renders_as_heapsters_lines() -> None:
    found = [line for line in lines(SMALL_CLUSTER, PointSchema(with_fields=True)) for line in a_field_each(line)]
    assert found == (FIXTURES / "withfields.lp").read_text().splitlines()


def test_fields_of_one_series_share_a_line() -> None:
    values = {"cpu/usage": 1, "memory/rss": 2, "cpu/load": 3, "uptime": 4}
    assert lines(batch(metric_set({"type": "cluster"}, values)), PointSchema(with_fields=True)) == [
        f"cpu,cluster_name=default,type=cluster usage=1i,load=3i {T}",
        f"memory,cluster_name=default,type=cluster rss=2i {T}",
        f"uptime,cluster_name=default,type=cluster value=4i {T}",
    ]


def test_two_metrics_with_one_field_key_get_two_lines_in_order() -> None:
    values = {"a/x ": 1, "a/y": 2, "a/x\n": 3}
    assert lines(batch(metric_set({"type": "cluster"}, values)), PointSchema(with_fields=True)) == [
        rf"a,cluster_name=default,type=cluster x\ =1i,y=2i {T}",
        rf"a,cluster_name=default,type=cluster x\ =3i {T}",
    ]


def test_placeholder_characters_in_names_and_values_change_no_other_line() -> None:
    odd = {"type": "pod", "x": "100%s\0"}
    assert lines(batch(metric_set(odd, {"custom/5%d\0": 1, "m": 0.5}, ({"y": "\0"}, {"n": 2})))) == [
        f"custom/5%d\0,cluster_name=default,type=pod,x=100%s\0 value=1i {T}",
        f"m,cluster_name=default,type=pod,x=100%s\0 value=0.5 {T}",
        f"n,cluster_name=default,type=pod,x=100%s\0,y=\0 value=2i {T}",
    ]


@pytest.mark.parametrize(
    ("labels", "own", "expected"),
    [
        pytest.param({"type": "cluster"}, {}, "cluster_name type", id="cluster"),
        pytest.param(
            {"type": "ns", "namespace_name": "a", "namespace_id": "b"}, {}, "cluster_name namespace_name type", id="ns"
        ),
        pytest.param(NODE_LABELS, {}, "cluster_name labels nodename type", id="node"),
        pytest.param(NODE_LABELS | {"labels": ""}, {}, "cluster_name nodename type", id="node without labels"),
        pytest.param(
            NODE_LABELS | {"zone": "z"}, {}, "cluster_name labels nodename type zone", id="node with a stored label"
        ),
        pytest.param(
            {"type": "sys_container", "container_name": "kubelet", "nodename": "n1", "hostname": "h1", "host_id": "i"},
            {},
            "cluster_name container_name nodename type",
            id="sys_container",
        ),
        pytest.param(POD_LABELS, {}, "cluster_name labels namespace_name nodename pod_name type", id="pod"),
        pytest.param(
            CONTAINER_LABELS,
            {},
            "cluster_name container_base_image container_name labels namespace_name nodename pod_name type",
            id="pod_container",
        ),
        pytest.param(
            POD_LABELS,
            VOLUME,
            "cluster_name labels namespace_name nodename pod_name resource_id type",
            id="pod's filesystem",
        ),
        pytest.param(
            CONTAINER_LABELS,
            {"accelerator_id": "GPU-0", "make": "nvidia", "model": "K80"},
            "accelerator_id cluster_name container_base_image container_name labels make model namespace_name nodename"
            " pod_name type",
            id="accelerator",
        ),
        pytest.param(
            {"type": "cluster"},
            {"pod_id": "x", "host_id": "y"},
            "cluster_name type",
            id="identifiers are omitted from labeled values too",
        ),
    ],
)
def test_tag_set_of_1_5(labels: Mapping[str, str], own: Mapping[str, str], expected: str) -> None:
    (line,) = lines(batch(metric_set(labels, {}, (own, {"m": 1}))))
    assert tag_names(line) == expected.split()


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        pytest.param({"type": "cluster"}, "cluster_name=default,type=cluster", id="cluster"),
        pytest.param(
            {"type": "ns", "namespace_name": "a", "namespace_id": "b"},
            "cluster_name=default,namespace_id=b,namespace_name=a,type=ns",
            id="ns has no pod_namespace",
        ),
        pytest.param(
            POD_LABELS,
            "cluster_name=default,host_id=i-17,hostname=h1,labels=app:web,namespace_id=91ab,namespace_name=default,"
            "nodename=n1,pod_id=6c6e,pod_name=web-1,pod_namespace=default,type=pod",
            id="pod",
        ),
        pytest.param(
            POD_LABELS | {"type": "pod_container", "container_name": "web", "host_id": "", "labels": ""},
            "cluster_name=default,container_name=web,hostname=h1,namespace_id=91ab,namespace_name=default,"
            "nodename=n1,pod_id=6c6e,pod_name=web-1,pod_namespace=default,type=pod_container",
            id="pod_container, empty labels omitted",
        ),
    ],
)
def test_tag_set_of_1_3_has_every_label(labels: Mapping[str, str], expected: str) -> None:
    (line,) = lines(batch(metric_set(labels, {"m": 1})), PointSchema(tag_set="1.3"))
    assert tags(line) == expected


@pytest.mark.parametrize(
    ("cluster_name", "expected"),
    [
        pytest.param(None, ",cluster_name=default", id="from the record by default"),
        pytest.param("prod", ",cluster_name=prod", id="from the sink"),
        pytest.param("", "", id="no tag if empty in the sink"),
    ],
)
def test_cluster_name(cluster_name: str | None, expected: str) -> None:
    labels = {"type": "cluster", "cluster_name": "a label of the same name"}
    (line,) = lines(batch(metric_set(labels, {"m": 1})), PointSchema(cluster_name=cluster_name))
    assert line == f"m{expected},type=cluster value=1i {T}"


def test_a_label_of_labeled_values_overrides_the_entitys() -> None:
    (line,) = lines(batch(metric_set({"type": "node", "resource_id": "a"}, {}, ({"resource_id": "b"}, {"m": 1}))))
    assert line == f"m,cluster_name=default,resource_id=b,type=node value=1i {T}"


@pytest.mark.parametrize(
    ("metric", "value_line", "field_line"),
    [
        ("cpu/usage_rate", "cpu/usage_rate{} value=1i", "cpu{} usage_rate=1i"),
        ("uptime", "uptime{} value=1i", "uptime{} value=1i"),
        ("restart_count", "restart_count{} value=1i", "restart_count{} value=1i"),
        ("nvidia.com/gpu/request", "nvidia.com/gpu/request{} value=1i", "nvidia.com{} gpu/request=1i"),
        ("custom/a/b", "custom/a/b{} value=1i", "custom{} a/b=1i"),
        ("custom/a b,c=d", r"custom/a\ b\,c=d{} value=1i", r"custom{} a\ b\,c\=d=1i"),
        ('custom/say "x"', r'custom/say\ "x"{} value=1i', r"custom{} say\ \"x\"=1i"),
    ],
)
def test_measurement_and_field_of_a_metric(metric: str, value_line: str, field_line: str) -> None:
    found = batch(metric_set({"type": "cluster"}, {metric: 1}))
    where = ",cluster_name=default,type=cluster"
    assert lines(found) == [f"{value_line.format(where)} {T}"]
    assert lines(found, PointSchema(with_fields=True)) == [f"{field_line.format(where)} {T}"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (123, "123i"),
        (0, "0i"),
        (-(2**63), "-9223372036854775808i"),
        (0.5, "0.5"),
        (4000.0, "4000"),
        (2074.890756302521, "2074.890756302521"),
        (0.0, "0"),
        (-2.25, "-2.25"),
        (1e16, "10000000000000000"),
        (1.8446744073709552e19, "18446744073709552000"),
        (1e-7, "0.0000001"),
        (5e-324, "0." + "0" * 323 + "5"),
        (2 / 3, "0.6666666666666666"),
    ],
)
def test_numbers_are_shortest_decimals_without_exponent(value: Number, expected: str) -> None:
    assert format_number(value) == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite_are_omitted_and_counted(value: float) -> None:
    assert rendered(metric_set({"type": "cluster"}, {"bad": value, "good": 1.0})) == (
        [f"good,cluster_name=default,type=cluster value=1 {T}"],
        {"not_finite": 1},
    )


@pytest.mark.parametrize(
    ("value", "expected", "problems"),
    [
        pytest.param("a b,c=d", r",x=a\ b\,c\=d", {}, id="comma, space and equals sign"),
        pytest.param(r"C:\dir", r",x=C:\dir", {}, id="a backslash inside stays"),
        pytest.param("C:\\dir\\", r",x=C:\dir", {"trailing_backslash": 1}, id="a backslash at the end is removed"),
        pytest.param("\\\\", "", {"trailing_backslash": 1}, id="nothing but backslashes"),
        pytest.param("a\nb", r",x=a\ b", {"line_break": 1}, id="a line break becomes a space"),
        pytest.param("a\\\n", r",x=a\\ ", {"line_break": 1}, id="a line break at the end"),
        pytest.param("日本 é", r",x=日本\ é", {}, id="any alphabet"),
        pytest.param('"quoted"', ',x="quoted"', {}, id="quotes are not escaped"),
    ],
)
def test_tag_values(value: str, expected: str, problems: Mapping[Problem, int]) -> None:
    found = rendered(metric_set({"type": "pod", "x": value}, {"m": 1}))
    assert found == ([f"m,cluster_name=default,type=pod{expected} value=1i {T}"], problems)


def test_tag_names_are_sanitized_as_values_are() -> None:
    found = rendered(metric_set({"type": "pod", "x y\\": "1", "": "nameless"}, {"m": 1}))
    assert found == ([f"m,cluster_name=default,type=pod,x\\ y=1 value=1i {T}"], {"trailing_backslash": 1})


def test_counters_with_a_rate_can_be_omitted() -> None:
    nine = {
        "cpu/usage": 1,
        "memory/page_faults": 1,
        "memory/major_page_faults": 1,
        "network/rx": 1,
        "network/rx_errors": 1,
        "network/tx": 1,
        "network/tx_errors": 1,
    }
    disk = {"disk/io_read_bytes": 1, "disk/io_write_bytes": 1}
    kept = {"uptime": 1, "restart_count": 1, "custom/total": 1.0}
    found = batch(metric_set({"type": "pod"}, nine | kept, ({"resource_id": "sda"}, disk)))
    assert len(lines(found)) == 12
    assert [line.partition(",")[0] for line in lines(found, PointSchema(counters_with_rates=False))] == [
        "uptime",
        "restart_count",
        "custom/total",
    ]


@pytest.mark.parametrize(
    ("padding", "expected"),
    [
        pytest.param(65535, 1, id="a series key of 65535 bytes"),
        pytest.param(65536, 0, id="one byte more is omitted"),
    ],
)
def test_longest_series_key(padding: int, expected: int) -> None:
    key = "mé,cluster_name=default,type=pod,x="
    value = "x" * (padding - len(key.encode()))
    found = render(batch(metric_set({"type": "pod", "x": value}, {"mé": 1})), PointSchema())
    assert (len(found.lines), found.problems.get("series_key_too_long", 0)) == (expected, 1 - expected)


def test_a_set_without_values_has_no_points() -> None:
    assert lines(batch(metric_set(NODE_LABELS, {}, ({"resource_id": "/"}, {})))) == []
