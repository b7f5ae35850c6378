from collections.abc import Mapping

from hypothesis import given
from hypothesis import strategies as st

from processor.core.derive import NodeResult, derive
from processor.core.labels import LabelRules
from processor.core.problems import Problem
from processor.state.transition import node_batch, node_sample
from schemas.catalogue import Number
from schemas.metric_batch import decode_batch, encode_batch
from schemas.node_sample import decode_sample, encode_sample
from tests.scrapes import summary_scrape

SECONDS = 1_502_621_460  # 2017-08-13T10:51:00Z
NODE, POD, WEB = "node:n1", "namespace:shop/pod:web-1", "namespace:shop/pod:web-1/container:web"
SUMMARY = {
    "node": {"nodeName": "n1", "systemContainers": [{"name": "kubelet", "memory": {"usageBytes": 5}}]},
    "pods": [
        {
            "podRef": {"namespace": "shop", "name": "web-1"},
            "containers": [
                {"name": "web", "startTime": "2017-08-02T00:00:01Z"},
                {"name": "side", "startTime": "2017-08-02T00:00:01Z"},
            ],
        }
    ],
}


def line(name: str, value: object, path: str = "/", container: str = "", *, device: str = "", at: int = 0) -> str:
    pod, namespace = ("web-1", "shop") if container or path == "/pod" else ("", "")
    labels = f'container="{container}",device="{device}",id="{path}",namespace="{namespace}",pod="{pod}"'
    return f"{name}{{{labels}}} {value} {(SECONDS + at) * 1000}"


def cache(value: object, path: str = "/", container: str = "", *, at: int = 0) -> str:
    return line("container_memory_cache", value, path, container, at=at)


def reads(value: object, device: str = "sda", path: str = "/", container: str = "", *, at: int = 0) -> str:
    return line("container_fs_reads_bytes_total", value, path, container, device=device, at=at)


def derived(*windows: list[str], starts: list[str] | None = None) -> NodeResult:
    result, previous = None, None
    for number, lines in enumerate(windows):
        summary = SUMMARY if starts is None else restarted(starts[number])
        scrape = summary_scrape(summary, cadvisor="\n".join(lines).encode())
        result = derive(scrape, previous, LabelRules())
        previous = node_sample(scrape, result, number)
    assert result is not None
    return result


def restarted(start: str) -> object:
    [pod] = SUMMARY["pods"]
    return {**SUMMARY, "pods": [{**pod, "containers": [{"name": "web", "startTime": start}]}]}  # type: ignore[dict-item]


def disk(result: NodeResult, key: str, resource_id: str = "sda") -> Mapping[str, Number]:
    [found] = [each for each in result.sets if each.key == key]
    return next((each.values for each in found.labeled if each.labels == {"resource_id": resource_id}), {})


def value(result: NodeResult, key: str, metric: str = "memory/cache") -> Number | None:
    return next(each.values.get(metric) for each in result.sets if each.key == key)


def test_each_entity_gets_the_value_of_its_cgroup() -> None:
    found = derived(
        [
            cache(1000),
            cache(500, "/pod"),
            cache(300, "/pod/a", "web"),
            cache(100, "/pod/b", "side"),
            cache(7, "/pod/c", "POD"),
            cache(50, "/system.slice/kubelet.service"),
            line("container_cpu_load_average_10s", 1500, "/pod/a", "web"),
        ]
    )
    assert {each.key: each.values.get("memory/cache") for each in found.sets} == {
        NODE: 1000,
        "node:n1/container:kubelet": 50,
        POD: 500,
        WEB: 300,
        f"{POD}/container:side": 100,
    }
    assert value(found, WEB, "cpu/load") == 1500


def test_a_pod_without_its_own_cgroup_is_the_sum_of_its_containers_without_the_pause_container() -> None:
    found = derived([cache(300, "/pod/a", "web"), cache(100, "/pod/b", "side"), cache(7, "/pod/c", "POD")])
    assert value(found, POD) == 400


def test_a_restarted_container_has_the_newest_value() -> None:
    lines = [cache(300, "/pod/old", "web", at=-40), cache(20, "/pod/new", "web", at=-2)]
    assert value(derived(lines), WEB) == 20
    assert value(derived(lines[::-1]), WEB) == 20


def test_each_disk_has_its_own_counters_and_rates() -> None:
    first = [reads(100, "sda"), reads(1000, "sdb"), line("container_fs_writes_bytes_total", 50, device="sda")]
    second = [
        reads(160, "sda", at=60),
        reads(1300, "sdb", at=60),
        line("container_fs_writes_bytes_total", 80, device="sda", at=60),
        reads(9, "sdc", at=60),
    ]
    found = derived(first, second)
    assert disk(found, NODE) == {
        "disk/io_read_bytes": 160,
        "disk/io_write_bytes": 80,
        "disk/io_read_bytes_rate": 1.0,
        "disk/io_write_bytes_rate": 0.5,
    }
    assert disk(found, NODE, "sdb") == {"disk/io_read_bytes": 1300, "disk/io_read_bytes_rate": 5.0}
    assert disk(found, NODE, "sdc") == {"disk/io_read_bytes": 9}
    assert [type(each) for each in disk(found, NODE, "sdb").values()] == [int, float]


def test_rates_use_cadvisors_sample_times() -> None:
    assert disk(derived([reads(0)], [reads(120, at=30)]), NODE)["disk/io_read_bytes_rate"] == 4.0
    assert "disk/io_read_bytes_rate" not in disk(derived([reads(7)], [reads(7)]), NODE), "not sampled since"


def test_a_decreased_counter_has_no_rate_and_is_counted() -> None:
    found = derived([reads(100)], [reads(60, at=60)])
    assert disk(found, NODE) == {"disk/io_read_bytes": 60}
    assert found.problems == {Problem.COUNTER_RESET: 1}


def test_a_restarted_container_has_no_rate() -> None:
    lines = ([reads(100, path="/a", container="web")], [reads(160, path="/a", container="web", at=60)])
    same, other = "2017-08-02T00:00:01Z", "2017-08-13T10:50:30Z"
    assert "disk/io_read_bytes_rate" in disk(derived(*lines, starts=[same, same]), WEB)
    assert "disk/io_read_bytes_rate" not in disk(derived(*lines, starts=[same, other]), WEB)


def test_without_lines_nothing_is_added() -> None:
    plain = derive(summary_scrape(SUMMARY), None, LabelRules())
    assert derived([]) == plain
    assert plain.disks == {}


@given(st.data())
def test_damaged_lines_do_not_raise(data: st.DataObject) -> None:
    lines = bytearray(
        "\n".join([cache(1000), cache(300, "/pod/a", "web"), reads(100, at=60), reads(5, "sdb")]).encode()
    )
    at = data.draw(st.integers(0, len(lines)))
    lines[at : data.draw(st.integers(at, len(lines)))] = data.draw(
        st.binary(max_size=20) | st.sampled_from([b"9" * 400, b"\n", b'"', b"}", b"\\", b"{", b" 1e308 ", b"-"])
    )
    before = summary_scrape(SUMMARY, cadvisor=reads(0).encode())
    previous = node_sample(before, derive(before, None, LabelRules()), 0)
    scrape = summary_scrape(SUMMARY, cadvisor=bytes(lines))
    result = derive(scrape, previous, LabelRules())
    batch, sample = node_batch(scrape, result.sets, 1), node_sample(scrape, result, 1)
    assert decode_batch(encode_batch(batch)) == batch
    assert decode_sample(encode_sample(sample)) == sample
