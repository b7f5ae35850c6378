from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from processor.core.cadvisor import CadvisorLine, Cgroup, entity_keys, parse_lines
from processor.core.problems import Problem

AT_NS = 1_762_283_735_000_000_000
POD_PATH = "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0a.slice"


def line(name: str, value: object, /, **labels: str) -> bytes:
    label_text = ",".join(f'{label}="{text}"' for label, text in labels.items())
    return f"{name}{{{label_text}}} {value}".encode()


def read(*lines: bytes) -> tuple[list[CadvisorLine], Mapping[str, int]]:
    problems: Counter[str] = Counter()
    return list(parse_lines(b"\n".join(lines), AT_NS, problems)), problems


def cgroup(path: str, **fields: str) -> Cgroup:
    return Cgroup(**{"path": path, "namespace": "", "pod": "", "container": "", "name": "", **fields})


PRESENT = {"namespace": "shop", "pod": "web-1", "container": "web"}
OLD = {"namespace": "shop", "pod_name": "web-1", "container_name": "web"}
BOTH = {**PRESENT, **OLD}  # Kubernetes 1.14 and 1.15


@pytest.mark.parametrize(
    "labels", [PRESENT, OLD, BOTH], ids=["current labels", "labels before Kubernetes 1.14", "both"]
)
def test_a_line_has_cgroup_metric_value_and_time(labels: Mapping[str, str]) -> None:
    found, problems = read(line("container_memory_cache", "1.979711488e+09 1762283730123", id="/kubepods/x", **labels))
    web = cgroup("/kubepods/x", namespace="shop", pod="web-1", container="web")
    assert found == [CadvisorLine(web, "memory/cache", "", 1_979_711_488, 1_762_283_730_123_000_000)]
    assert not problems


def test_the_order_of_the_labels_does_not_matter() -> None:
    labels = {
        "container": "web",
        "device": "sda",
        "id": "/x",
        "image": "i:1",
        "name": "39ea",
        "namespace": "n",
        "pod": "p",
    }
    name = "container_fs_writes_bytes_total"
    usual, _ = read(line(name, 7, **labels))
    other, _ = read(line(name, 7, **dict(reversed(labels.items()))))
    assert usual == other
    assert usual[0].cgroup == Cgroup("/x", "n", "p", "web", "39ea")
    assert usual[0].resource_id == "sda"


@pytest.mark.parametrize(
    ("labels", "resource_id"),
    [
        ({"device": "/dev/sda"}, "/dev/sda"),
        ({"device": "", "major": "8", "minor": "0"}, "8:0"),
        ({"device": ""}, ""),
        ({}, ""),
    ],
)
def test_a_disk_is_named_by_its_device_or_else_by_its_numbers(labels: Mapping[str, str], resource_id: str) -> None:
    [found], _ = read(line("container_fs_reads_bytes_total", 7, id="/", **labels))
    assert (found.metric, found.resource_id, found.value) == ("disk/io_read_bytes", resource_id, 7)


def test_the_load_is_not_scaled_and_a_line_without_a_timestamp_gets_the_time_of_the_scrape() -> None:
    [found], _ = read(line("container_cpu_load_average_10s", 2500, id="/"))
    assert (found.metric, found.value, found.time_ns) == ("cpu/load", 2500, AT_NS)


def test_label_values_are_unescaped_and_may_contain_braces() -> None:
    [found], _ = read(line("container_memory_cache", 1, id='/a\\"b\\\\c\\nd}{e', pod="p", namespace="n"))
    assert found.cgroup.path == '/a"b\\c\nd}{e'
    assert found.cgroup.pod == "p"


@pytest.mark.parametrize(
    ("numbers", "problem"),
    [
        pytest.param("NaN", Problem.NOT_A_NUMBER, id="NaN"),
        pytest.param("", Problem.NOT_A_NUMBER, id="no value"),
        pytest.param("many", Problem.NOT_A_NUMBER, id="text"),
        pytest.param("-1", Problem.NEGATIVE, id="negative"),
        pytest.param("9.223372036854775808e+18", Problem.PAST_64_BITS, id="2^63"),
        pytest.param("+Inf", Problem.PAST_64_BITS, id="infinity"),
    ],
)
def test_a_line_with_an_invalid_value_is_skipped_and_counted(numbers: str, problem: Problem) -> None:
    found, problems = read(line("container_memory_cache", numbers, id="/"), line("container_memory_cache", 5, id="/x"))
    assert [sample.value for sample in found] == [5]
    assert problems == {problem: 1}


@pytest.mark.parametrize("time", ["soon", "99999999999999999999", "1e3"])
def test_a_line_with_an_invalid_timestamp_gets_the_time_of_the_scrape(time: str) -> None:
    [found], problems = read(line("container_memory_cache", f"5 {time}", id="/"))
    assert found.time_ns == AT_NS
    assert problems == {Problem.UNREADABLE_TIME: 1}


def test_comments_and_unknown_metrics_are_ignored() -> None:
    found, problems = read(
        b"# HELP container_memory_cache x", b"container_memory_rss{} 5", b"", b"container_memory_cache"
    )
    assert (found, problems) == ([], {})


@given(st.binary(max_size=300), st.text(max_size=60))
def test_arbitrary_lines_do_not_raise(noise: bytes, text: str) -> None:
    read(noise, b"container_memory_cache{" + noise, f"container_fs_reads_bytes_total{{{text}}} {text}".encode())


@pytest.mark.parametrize(
    ("of", "key"),
    [
        pytest.param(cgroup("/"), "node:n1", id="the node"),
        pytest.param(cgroup("/kubepods/x", **PRESENT), "namespace:shop/pod:web-1/container:web", id="a container"),
        pytest.param(
            cgroup("/kubepods/x", **PRESENT, name="k8s_web"), "namespace:shop/pod:web-1/container:web", id="with a name"
        ),
        pytest.param(
            cgroup(POD_PATH, namespace="shop", pod="web-1"), "namespace:shop/pod:web-1", id="a pod's own cgroup"
        ),
        pytest.param(cgroup("/x", namespace="shop", pod="web-1", container="POD"), None, id="the pause container"),
        pytest.param(cgroup("/x", namespace="shop", pod="web-1", name="39eaed"), None, id="a sandbox"),
        pytest.param(
            cgroup("/x", namespace="shop", pod="gone", container="web"),
            None,
            id="a container that the Summary does not list",
        ),
        pytest.param(cgroup("/system.slice/kubelet.service"), "node:n1/container:kubelet", id="the kubelet"),
        pytest.param(cgroup("/runtime.slice/containerd.service"), "node:n1/container:docker-daemon", id="containerd"),
        pytest.param(cgroup("/docker-daemon"), "node:n1/container:docker-daemon", id="an old Docker"),
        pytest.param(cgroup("/kubepods"), "node:n1/container:pods", id="all pods"),
        pytest.param(cgroup("/kubepods.slice"), "node:n1/container:pods", id="all pods, by systemd"),
        pytest.param(cgroup("/system.slice"), "node:n1/container:system", id="the rest"),
        pytest.param(cgroup("/system.slice/sshd.service"), None, id="another service"),
        pytest.param(cgroup("/kubepods.slice/pod1/x/system.slice/kubelet.service"), None, id="a kubelet in a pod"),
        pytest.param(cgroup("/kubepods/burstable"), None, id="a QoS class of pods"),
    ],
)
def test_entity_of_a_cgroup(of: Cgroup, key: str | None) -> None:
    known = {
        "node:n1",
        "namespace:shop/pod:web-1",
        "namespace:shop/pod:web-1/container:web",
        *(f"node:n1/container:{name}" for name in ("kubelet", "docker-daemon", "pods", "system")),
    }
    assert entity_keys({of}, "n1", known).get(of) == key


def test_one_of_several_cgroups_is_chosen_for_a_system_container() -> None:
    docker, containerd = cgroup("/system.slice/docker.service"), cgroup("/containerd.service")
    inner = cgroup("/docker/4af1/system.slice/docker.service")
    assert entity_keys({docker, containerd, inner}, "n1", {"node:n1/container:docker-daemon"}) == {
        docker: "node:n1/container:docker-daemon"
    }
